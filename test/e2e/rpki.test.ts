import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock/clock.ts'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { watchRpki } from '../../src/node/controller/watch/rpki-watch.ts'
import { createFrrRpki } from '../../src/node/routing/frr/rpki.ts'
import { createLogTo } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { patience } from '../patience.ts'
import { until, untilEqual } from './fixture-routing/until.ts'
import { type Bed, lastGoodPort, livePort, makeBed, told } from './fixture-rpki/bed.ts'
import type { TestVrp } from './fixture-rpki/rtr-agent.ts'

const vrp = (prefix: string, asn: number): TestVrp => ({
  prefix,
  maxLength: Number(prefix.split('/')[1]),
  asn,
})
const ours = vrp('192.0.2.0/24', 64500)
/** Says valid of what is called so in `told`, invalid of `invalid` and `tooLong`, and nothing of the rest. */
const vrps = [
  ours,
  vrp(...told.valid),
  vrp(told.invalid[0], 65551),
  vrp('193.4.0.0/23', told.tooLong[1]),
  vrp(...told.valid6),
  vrp(told.invalid6[0], 65551),
]
/** The other way round. */
const turned = [
  ours,
  vrp(told.valid[0], 65551),
  vrp(...told.invalid),
  vrp('193.4.0.0/23', told.tooLong[1]),
  vrp(told.valid6[0], 65551),
  vrp(...told.invalid6),
]

const prefixes = (...names: (keyof typeof told)[]) => names.map((name) => told[name][0]).sort()
const good = prefixes('valid', 'notFound', 'valid6', 'notFound6')
const goodTurned = prefixes('invalid', 'notFound', 'invalid6', 'notFound6')
const everything = prefixes(...(Object.keys(told) as (keyof typeof told)[]))
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
  // What the controller does on a node with FRR.
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

/** The watch runs outside of the node's namespace: what it connects to stands for the last good server in there. */
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

/** BIRD reckons the begin back from now, on two clocks: it says another millisecond now and then. */
function expectSame(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>) {
  expect([...after.keys()]).toEqual([...before.keys()])
  for (const [name, begin] of before) expect(Math.abs(after.get(name)! - begin), name).toBeLessThan(500)
}

const untilTaken = (what: string, expected: string[]) =>
  untilEqual(`what the node has ${what}`, expected, () => bed!.taken(), boundMs)

describe.each(['bird', 'frr'] as const)('%s', (daemon) => {
  afterEach(takeDown)
  afterAll(takeDown)

  test('with the last good kept: a boot without the cache, its return, a change of the VRPs and its end', async () => {
    const { rtr, sessions, ask } = await boot(daemon, 'last-good', ({ rtr }) => rtr.serve(lastGoodPort, vrps))
    await untilTaken('after a boot whose cache refuses', good)
    const before = await sessions()

    // The last good server still says the opposite: the live set has the word.
    await rtr.serve(livePort, turned)
    await untilTaken('when the cache is back, with other VRPs', goodTurned)
    await rtr.serve(livePort, vrps)
    await untilTaken('when the VRPs change', good)
    await rtr.serve(livePort, turned)
    await untilTaken('when they change back', goodTurned)

    await rtr.close(livePort)
    // Just what expiry does, which itself can't be had below ten minutes. bgpd is told to begin anew.
    if (daemon === 'bird') await ask('disable aw_rtr1')
    await untilTaken('when only the last good set is left', good)
    expectSame(before, await sessions())
  }, 960_000)

  test('with accept at expiry: without a cache all is taken, and what is invalid goes when there is one', async () => {
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

test('bgpd lets nothing in that it can not validate yet', async () => {
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
