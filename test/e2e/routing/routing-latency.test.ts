import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { observeLists } from '../../observation-lists.ts'
import { patience } from '../../patience.ts'
import { advertisedTo, everything, neighbors, otherCovering4 } from '../fixtures/routing/configs.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { untilEqual } from '../fixtures/routing/until.ts'

const rounds = 30

/** Generous, since the machine may be busy. The log of the test has the measured values. */
const boundsMs = { bird: 50, frr: 300 }

test.each(['bird', 'frr'] as const)(
  'a withdrawal reaches the neighbor within milliseconds behind %s',
  async (kind) => {
    const pair = await startPair(kind)
    if (kind === 'frr') await withoutCoalescing(pair)
    const manifest = pair.manifest
    const daemon = kind === 'bird' ? createBird({ manifest }) : createFrr({ manifest })
    // Polls the neighbor's own table without a pause: several times a millisecond.
    const neighbor = new BirdClient({ socketPath: `${dirname(dirname(manifest.paths.daemonSocket))}/p/ctl` })
    try {
      const goneMs: number[] = []
      const partMs: number[] = []
      const observeMs: number[] = []
      for (let round = 0; round < rounds + 3; round += 1) {
        for (const [desired, times] of [
          [new Set<string>(), goneMs],
          [new Set([otherCovering4]), partMs],
        ] as const) {
          await restore(daemon)
          for (const { name } of neighbors) {
            await untilEqual(`what ${name} has`, advertisedTo(name, everything), () => pair.received(name))
          }
          const began = performance.now()
          const applied = daemon.apply(normally(desired))
          await withoutRoute(neighbor, '192.0.2.0/24', 'transit1')
          const took = performance.now() - began
          await applied
          // In the first rounds the sessions have just come up.
          if (round >= 3) times.push(took)
        }
        const began = performance.now()
        await observeLists(daemon)
        observeMs.push(performance.now() - began)
      }
      console.log(
        `${kind}: from apply to gone at the neighbor, median of ${rounds}: all ${median(goneMs)} ms,`,
        `a part ${median(partMs)} ms; observe of ${neighbors.length} neighbors ${median(observeMs)} ms`,
      )
      expect(median(goneMs)).toBeLessThan(patience(boundsMs[kind]))
      expect(median(partMs)).toBeLessThan(patience(boundsMs[kind]))
    } finally {
      daemon.close()
      neighbor.close()
      await pair.stop()
    }
  },
)

/** The delay in the first second of a session is tested in routing-frr.test.ts. */
async function withoutCoalescing(pair: Pair): Promise<void> {
  const vty = new Vty({ socketPath: pair.manifest.paths.daemonSocket })
  for (const line of ['configure terminal', 'router bgp 64500', 'coalesce-time 0', 'end', 'clear bgp *']) {
    await vty.ask(line)
  }
  vty.close()
  await pair.sessionsUp()
}

async function restore(daemon: RoutingDaemon): Promise<void> {
  const wanted = JSON.stringify(neighbors.map(({ name }) => advertisedTo(name, everything)))
  await untilEqual('the routes of the neighbors', wanted, async () => {
    await daemon.apply(normally(everything))
    return JSON.stringify(
      (await observeLists(daemon)).neighbors.map(({ announced }) => [...announced].sort()),
    )
  })
}

async function withoutRoute(neighbor: BirdClient, prefix: string, protocol: string): Promise<void> {
  const end = performance.now() + patience(20_000)
  for (;;) {
    const { lines } = await neighbor.send(`show route ${prefix} protocol ${protocol}`)
    if (!lines.some(({ text }) => text.startsWith(prefix))) return
    if (performance.now() > end) throw new Error(`${protocol} still has ${lines.map(({ text }) => text)}`)
  }
}

function median(times: readonly number[]): number {
  return Number([...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!.toFixed(2))
}
