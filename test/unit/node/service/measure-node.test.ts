import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { createMeasure } from '../../../../src/node/service/measure-node.ts'
import { createMetrics } from '../../../../src/telemetry/metrics.ts'

const dayMs = 86_400_000
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-measure-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function createCertificate(days: number): Promise<string> {
  const argv = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x']
  const { stdout } = await execa('openssl', [...argv, '-days', String(days)])
  return `${stdout}\n`
}

async function read(metrics: ReturnType<typeof createMetrics>, name: string): Promise<[string, number][]> {
  const text = await metrics.registry.getSingleMetricAsString(name)
  return [...text.matchAll(/^\w+\{(.*)\} (\S+)$/gm)].map(([, labels, value]) => [labels!, Number(value)])
}

test('the first certificate of a file that ends counts, and files that cannot be read are left out', async () => {
  const path = (name: string) => join(folder, name)
  await writeFile(path('ca.crt'), (await createCertificate(300)) + (await createCertificate(20)))
  await writeFile(path('node.crt'), await createCertificate(10))
  await writeFile(path('damaged.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  const manifest = {
    store: { caFile: path('ca.crt'), certFile: path('node.crt') },
    rescue: { caFile: path('damaged.crt'), certFile: path('absent.crt') },
  } as Manifest
  const metrics = createMetrics()
  await createMeasure({ manifest, membership: null, clock: { now: () => 0 }, metrics })()
  const found = await read(metrics, 'anyward_certificate_expiry_timestamp_seconds')
  expect(found.map(([labels]) => labels)).toEqual(['certificate="store"', 'certificate="store-ca"'])
  const days = found.map(([, end]) => (end * 1000 - Date.now()) / dayMs)
  expect(days[0]).toBeCloseTo(10, 1)
  expect(days[1]).toBeCloseTo(20, 1)
})

test('a beat that rises again is no longer counted as stale', async () => {
  const metrics = createMetrics()
  let stale = [{ site: 'fra1', node: 'fra1-a', ageMs: 5000 }]
  const manifest = { store: null, rescue: null } as Manifest
  const measure = createMeasure({
    manifest,
    membership: { stale: () => stale },
    clock: { now: () => 0 },
    metrics,
  })
  await measure()
  expect(await read(metrics, 'anyward_stale_beat_age_seconds')).toEqual([['site="fra1",node="fra1-a"', 5]])
  stale = []
  await measure()
  expect(await read(metrics, 'anyward_stale_beat_age_seconds')).toEqual([])
})
