import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatRange } from '../../../../src/net/prefix-range.ts'
import { FeedError } from '../../../../src/plan/feeds/feed.ts'
import { loadPlanFeeds } from '../../../../src/plan/feeds/plan-feeds.ts'
import { requireFleet } from '../../../../src/plan/sites/load.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-feeds-'))
  await writeFile(join(folder, 'fleet.yaml'), fleetYaml)
  await writeFile(join(folder, 'oslo.yaml'), siteYaml)
  await writeFile(join(folder, 'one.txt'), '20.0.0.0/16\n20.0.0.1/16\n2001:470::/32\n')
  await writeFile(join(folder, 'two.txt'), '30.0.0.0/16\n')
  const roas = [{ prefix: '192.0.2.0/24', maxLength: 24, asn: 64500 }]
  await writeFile(join(folder, 'vrps.json'), JSON.stringify({ roas }))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const load = async () =>
  loadPlanFeeds(await requireFleet(folder), {
    stateDir: join(folder, 'state'),
    baseDir: folder,
    nowMs: Date.now(),
  })

test('a fleet’s feeds hold each set once for each family, and the VRPs, from the folder of the sites', async () => {
  const { feeds, warnings } = await load()
  const sets = [...feeds.irr].map(([key, ranges]) => [key, ranges.map(formatRange)])
  expect(Object.fromEntries(sets)).toEqual({
    'one.txt ipv4': ['20.0.0.0/16'],
    'one.txt ipv6': ['2001:470::/32'],
    'two.txt ipv4': ['30.0.0.0/16'],
  })
  expect(feeds.vrps?.size).toBe(1)
  const hostBits = 'line 2 "20.0.0.1/16" has host bits set beyond /16'
  // The IPv6 set reports it too: an invalid line belongs to neither family.
  expect(warnings.map(({ feed, reason }) => `${feed} ${reason}`).sort()).toEqual([
    `one.txt ipv4 ${hostBits}`,
    `one.txt ipv6 ${hostBits}`,
  ])
})

test('all unavailable feeds are reported at once', async () => {
  for (const name of ['one.txt', 'two.txt', 'vrps.json']) await rm(join(folder, name))
  const error = await load().catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FeedError)
  const { problems } = error as FeedError
  expect(problems.map(({ feed, reason }) => `${feed} ${reason}`).sort()).toEqual(
    [
      `${join(folder, 'vrps.json')} is not there`,
      'one.txt ipv4 is not there',
      'one.txt ipv6 is not there',
      'two.txt ipv4 is not there',
    ].sort(),
  )
})

test('the last good feeds are used while all feeds are unavailable', async () => {
  const good = await load()
  for (const name of ['one.txt', 'two.txt', 'vrps.json']) await rm(join(folder, name))
  const { feeds, warnings } = await load()
  expect(Object.fromEntries(feeds.irr)).toEqual(Object.fromEntries(good.feeds.irr))
  expect(feeds.vrps?.size).toBe(1)
  expect(warnings.filter(({ lastGoodAgeMs }) => lastGoodAgeMs !== null)).toHaveLength(4)
})

const fleetYaml = `asn: 64500
bogons: { allow: [192.0.2.0/24] }
rpki: { caches: [{ host: 127.0.0.1, port: 3323 }], vrps: { file: vrps.json } }
services:
  vpn:
    anycast: [192.0.2.1/32]
    covering: [192.0.2.0/24]
    wireguard:
      interface: wg0
      port: 51820
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [10.80.0.1/16]
    probe: { privateKeyFile: /etc/anyward/probe.key, address: 10.80.255.254 }
`
const siteYaml = `site: oslo
nodes:
  - name: oslo-a
    daemon: bird
    routerId: 10.0.0.1
    services: [vpn]
    neighbors:
      - { name: peer1, kind: peer, asn: 64601, address: 10.1.1.1, irr: { file: one.txt } }
      - { name: peer2, kind: peer, asn: 64602, address: 10.1.1.2, irr: { file: one.txt } }
      - { name: peer3, kind: peer, asn: 64603, address: 10.1.1.3, irr: { file: two.txt } }
      - { name: peer4, kind: peer, asn: 64601, address: "2a00:1::1", irr: { file: one.txt } }
      - { name: peer5, kind: peer, asn: 64604, address: 10.1.1.5 }
`
