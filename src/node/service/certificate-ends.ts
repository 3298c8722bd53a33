import { X509Certificate } from 'node:crypto'
import { readRegularFile } from '../../files/open-regular-file.ts'
import type { Manifest } from '../../manifest/manifest.ts'

const mostBytes = 2 ** 20
const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** When the first certificate in a file of PEM ends, in milliseconds since 1970; `null`: it has none that can be read. */
export function endOf(pem: string): number | null {
  const ends = (pem.match(pemBlock) ?? []).map(readEnd).filter((end) => !Number.isNaN(end))
  return ends.length === 0 ? null : Math.min(...ends)
}

function readEnd(block: string): number {
  try {
    return Date.parse(new X509Certificate(block).validTo)
  } catch {
    return Number.NaN
  }
}

/** The ends of the node's certificates, by what they are for, without those that cannot be read. */
export async function readCertificateEnds({
  store,
  rescue,
  access,
}: Pick<Manifest, 'store' | 'rescue' | 'access'>): Promise<Map<string, number>> {
  const ends = new Map<string, number>()
  for (const [use, settings] of [
    ['store', store],
    ['rescue', rescue],
    ['page', access?.tls && { certFile: access.tls.certFile, caFile: access.tls.clientCaFile }],
  ] as const) {
    if (settings == null) continue
    for (const [name, file] of [
      [use, settings.certFile],
      [`${use}-ca`, settings.caFile],
    ] as const) {
      if (file === null) continue
      const end = endOf((await readRegularFile(file, mostBytes).catch(() => null)) ?? '')
      if (end !== null) ends.set(name, end)
    }
  }
  return ends
}
