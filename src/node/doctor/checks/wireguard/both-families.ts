import { readAccess } from '../../../../linux/inspect/text-file.ts'
import { RunError, run } from '../../../../linux/run.ts'
import type { ManifestService } from '../../../../manifest/manifest.ts'
import { type Check, type Found, warning } from '../../check.ts'
import { showIfPresent } from './show.ts'

/** In its pull request 135, open in November 2026. The version is that of the source: 0.0.20230223 up to May 2025. */
const firstWrong = 20230223

/** See docs/daemons.md: a wireguard-go that serves both families sends much of what is IPv6 to wrong addresses. */
export const bothFamilies: Check = {
  name: 'both-families',
  reads: 'the version of a wireguard-go that has peers or anycast addresses of both families',
  async examine({ services }) {
    const found: Found[] = []
    for (const service of services) {
      const { interface: device } = service.wireguard
      // The kernel's WireGuard has no socket.
      if ((await readAccess(`/run/wireguard/${device}.sock`)) === null) continue
      const version = await findVersion()
      const endpoints = await showIfPresent(device, 'endpoints')
      if (version !== null && endpoints !== null) found.push(...judgeFamilies(service, endpoints, version))
    }
    return found
  },
}

/**
 * @param endpoints the text of `wg show INTERFACE endpoints`
 * @param version the date in the version of wireguard-go
 */
export function judgeFamilies(
  {
    name,
    anycast,
    wireguard: { interface: device },
  }: Pick<ManifestService, 'name' | 'anycast' | 'wireguard'>,
  endpoints: string,
  version: number,
): Found[] {
  const known = endpoints.split('\n').flatMap((line) => {
    const [, endpoint = '(none)'] = line.trim().split('\t')
    return endpoint === '(none)' ? [] : [endpoint.startsWith('[')]
  })
  const isIpv6 = new Set([...known, ...anycast.map((address) => address.includes(':'))])
  if (version < firstWrong || isIpv6.size < 2) return []
  const message = `${device} of ${name} has IPv4 and IPv6 clients, and wireguard-go 0.0.${version} sends IPv6 packets to wrong addresses after IPv4 ones (its pull request 135)`
  const cure =
    "use the kernel's WireGuard, or one family for all clients, probes and nodes, or a wireguard-go with that change"
  return [warning(message, cure)]
}

/** `null`: it is not installed, so that the socket is that of another program. */
async function findVersion(): Promise<number | null> {
  try {
    const text = await run(['wireguard-go', '--version'], { timeoutMs: 5000 })
    const [, date] = /^wireguard-go v?0\.0\.(\d{8})\b/.exec(text) ?? []
    return date === undefined ? null : Number(date)
  } catch (error) {
    if (error instanceof RunError && error.kind === 'not-installed') return null
    throw error
  }
}
