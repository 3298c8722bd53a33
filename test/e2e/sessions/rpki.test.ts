import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock/clock.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { watchRpki } from '../../../src/node/controller/watch/rpki-watch.ts'
import { createFrrRpki } from '../../../src/node/routing/frr/rpki.ts'
import { createLogTo } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { patience } from '../../patience.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'
import { type Bed, lastGoodPort, livePort, makeBed, neighborRoutes } from '../fixtures/rpki/bed.ts'
import type { TestVrp } from '../fixtures/rpki/rtr-agent.ts'

const vrp = (prefix: string, asn: number): TestVrp => ({
  prefix,
  maxLength: Number(prefix.split('/')[1]),
  asn,
})
const ours = vrp('192.0.2.0/24', 64500)
/** VRPs that give the routes of `neighborRoutes` the validation state in their names. */
const vrps = [
  ours,
  vrp(...neighborRoutes.valid),
  vrp(neighborRoutes.invalid[0], 65551),
  vrp('193.4.0.0/23', neighborRoutes.tooLong[1]),
  vrp(...neighborRoutes.valid6),
  vrp(neighborRoutes.invalid6[0], 65551),
]
/** The opposite. */
const turned = [
  ours,
  vrp(neighborRoutes.valid[0], 65551),
  vrp(...neighborRoutes.invalid),
  vrp('193.4.0.0/23', neighborRoutes.tooLong[1]),
  vrp(neighborRoutes.valid6[0], 65551),
  vrp(...neighborRoutes.invalid6),
]

const prefixes = (...names: (keyof typeof neighborRoutes)[]) =>
  names.map((name) => neighborRoutes[name][0]).sort()
const good = prefixes('valid', 'notFound', 'valid6', 'notFound6')
const goodTurned = prefixes('invalid', 'notFound', 'invalid6', 'notFound6')
const everything = prefixes(...(Object.keys(neighborRoutes) as (keyof typeof neighborRoutes)[]))
const boundMs = patience(40_000)

let bed: Bed | null = null
let watch: { stop(): void } | null = null
let outside: Server | null = null
const lines: string[] = []

async function boot(
  daemon: 'bird' | 'frr',
  atExpiry: 'accept' | 'last-good',
  before?: (bed: Bed) => Promise<void>,
) {
  const made = await makeBed(daemon, atExpiry)
  bed = made
  await before?.(made)
  await made.boot()
  // As the controller does on a node with FRR.
  if (daemon === 'frr') {
    watch = watchRpki({
      validation: createFrrRpki({ manifest: await seenFromHere(made.manifest) }),
      rules: {
        settleMs: 4000,
        leastMs: 1000,
        mostMs: 3_600_000,
        reconnectMs: 3000,
        acceptsAtExpiry: atExpiry === 'accept',
      },
      pollMs: 500,
      clock: systemClock,
      log: createLogTo({ write: (line) => void lines.push(line) }, {}),
      metrics: createMetrics(),
    })
  }
  return made
}

/** The watch runs outside the node's namespace, so it connects to a stand-in for the last good server. */
async function seenFromHere(manifest: Manifest): Promise<Manifest> {
  outside = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => outside!.listen(0, '127.0.0.1', resolve))
  const { port } = outside.address() as AddressInfo
  return { ...manifest, rpki: { ...manifest.rpki!, lastGood: `127.0.0.1:${port}` } }
}

async function takeDown() {
  lines.length = 0
  outside?.close()
  outside = null

  watch?.stop()
  watch = null
  await bed?.stop()
  bed = null
}

/** BIRD computes the start from the current time of two clocks, so it varies by a millisecond. */
function expectSame(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>) {
  expect([...after.keys()]).toEqual([...before.keys()])
  for (const [name, begin] of before) expect(Math.abs(after.get(name)! - begin), name).toBeLessThan(500)
}

const untilTaken = (what: string, expected: string[]) =>
  untilEqual(`what the node has ${what}`, expected, () => bed!.taken(), boundMs)

describe.each(['bird', 'frr'] as const)('%s', (daemon) => {
  afterEach(takeDown)
  afterAll(takeDown)

  test('with the last good set: validates at a boot without the cache, at its return, after a change of the VRPs, and at its end', async () => {
    const { rtr, sessions, ask } = await boot(daemon, 'last-good', ({ rtr }) => rtr.serve(lastGoodPort, vrps))
    await untilTaken('after a boot whose cache refuses', good)
    const before = await sessions()

    // The last good server still has the opposite set: the live set has priority.
    await rtr.serve(livePort, turned)
    await untilTaken('when the cache is back, with other VRPs', goodTurned)
    await rtr.serve(livePort, vrps)
    await untilTaken('when the VRPs change', good)
    await rtr.serve(livePort, turned)
    await untilTaken('when they change back', goodTurned)

    await rtr.close(livePort)
    // The effect of an expiry, whose minimum is ten minutes. bgpd starts its RPKI connections again.
    if (daemon === 'bird') await ask('disable aw_rtr1')
    await untilTaken('when only the last good set is left', good)
    expectSame(before, await sessions())
  }, 960_000)

  test('with accept at expiry: accepts all routes without a cache, and drops invalid ones when the cache is up', async () => {
    const { rtr, sessions, ask } = await boot(daemon, 'accept')
    await untilTaken('after a boot whose cache refuses', everything)
    const before = await sessions()
    await rtr.serve(livePort, vrps)
    await untilTaken('when the cache is there', good)
    if (daemon === 'bird') {
      await ask('disable aw_rtr1')
      await untilTaken('when the data is gone', everything)
    }
    expectSame(before, await sessions())
  }, 960_000)
})

test('bgpd accepts no route before it can validate it', async () => {
  const { rtr, taken } = await boot('frr', 'last-good')
  try {
    await until('bgpd has asked for its caches in vain', async () =>
      lines.some((line) => line.includes('no RTR cache')) ? null : lines.join(''),
    )
    expect(await taken()).toEqual([])
    await rtr.serve(livePort, vrps)
    await untilTaken('when the cache is there', good)
  } finally {
    await takeDown()
  }
}, 480_000)
