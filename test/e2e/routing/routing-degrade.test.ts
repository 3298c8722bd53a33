import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Announcements, normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { observeLists } from '../../observation-lists.ts'
import {
  advertisedTo,
  covering4,
  everything,
  host4,
  neighbors,
  otherCovering4,
} from '../fixtures/routing/configs.ts'
import { untilAnnounced } from '../fixtures/routing/expectations.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'

const degraded: Announcements = new Map([
  ...normally(everything),
  [covering4, 'degraded'],
  [host4, 'degraded'],
])

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let pair: Pair
  let daemon: RoutingDaemon
  let neighbor: BirdClient
  const neighborDir = () => `${dirname(dirname(pair.manifest.paths.daemonSocket))}/p`

  beforeAll(async () => {
    pair = await startPair(kind)
    daemon = create(pair.manifest)
    neighbor = new BirdClient({ socketPath: `${neighborDir()}/ctl` })
    // In the first second of a session bgpd may send an update twice.
    await until('the neighbors have everything', async () => {
      await daemon.apply(normally(everything))
      return untilAnnounced(pair, new Set(everything), 300).then(() => null, String)
    })
  })

  afterAll(async () => {
    daemon?.close()
    neighbor?.close()
    await pair?.stop()
  })

  function create(manifest: Pair['manifest']): RoutingDaemon {
    return kind === 'bird' ? createBird({ manifest }) : createFrr({ manifest })
  }

  /** Our prefixes that a neighbor has as degraded routes. */
  async function lastChoices(name: string): Promise<string[]> {
    const reply = await neighbor.send(`show route where (65535,0) ~ bgp_community protocol ${name}`)
    return reply.lines.flatMap(({ text }) => /^(\S+\/\d+)\s/.exec(text)?.[1] ?? []).sort()
  }

  async function untilDegraded(desired: Announcements): Promise<void> {
    const worse = [...desired].flatMap(([prefix, grade]) => (grade === 'degraded' ? [prefix] : []))
    for (const { name } of neighbors) {
      await untilEqual(`what ${name} has as its last choice`, advertisedTo(name, worse), () =>
        lastChoices(name),
      )
    }
    await untilAnnounced(pair, new Set(desired.keys()))
    await untilEqual(
      'the degraded prefixes by observe',
      neighbors.map(({ name }) => advertisedTo(name, worse)),
      async () => (await observeLists(daemon)).neighbors.map((state) => [...state.degraded].sort()),
    )
  }

  /** The changes of our routes at the neighbors since the last call. */
  let seen = 0
  async function changesSeen(): Promise<string[]> {
    const lines = (await readFile(`${neighborDir()}/log`, 'utf8')).split('\n')
    const changes = lines
      .slice(seen)
      .flatMap(
        (line) => /> (added|removed|replaced) (?:\[best\] )?(\S+)/.exec(line)?.slice(1).join(' ') ?? [],
      )
    seen = lines.length - 1
    return changes
  }

  test('a prefix is degraded and restored without a withdrawal, and the other prefixes do not change', async () => {
    await changesSeen()
    for (const desired of [degraded, normally(everything), degraded, normally(everything)]) {
      await daemon.apply(desired)
      await untilDegraded(desired)
      // The host route is advertised to the rack only.
      expect((await changesSeen()).sort()).toEqual([
        `added ${covering4}`,
        `added ${covering4}`,
        `added ${host4}`,
      ])
    }
  })

  test('a degraded prefix is withdrawn, and announced again as degraded', async () => {
    await daemon.apply(degraded)
    await untilDegraded(degraded)
    // Applied again and again, as the reconciler does: bgpd may lose a withdrawal just after a session came up.
    await until('the withdrawal is there', async () => {
      await daemon.apply(normally([otherCovering4]))
      return untilAnnounced(pair, new Set([otherCovering4]), 300).then(() => null, String)
    })
    await untilDegraded(normally([otherCovering4]))
    await daemon.apply(degraded)
    await untilDegraded(degraded)
    expect((await observeLists(daemon)).degraded).toEqual([covering4, host4])
    await changesSeen()
    await daemon.apply(degraded)
    expect(await changesSeen()).toEqual([])
  })

  test('the last grade of a burst takes effect', async () => {
    const grades = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0 ? normally(everything) : degraded,
    )
    await Promise.all(grades.map((desired) => daemon.apply(desired)))
    await untilDegraded(degraded)
  })

  test('a configuration without degraded announcements announces a degraded prefix normally', async () => {
    const other = create({ ...pair.manifest, degradable: false })
    try {
      await other.apply(degraded)
      await untilDegraded(normally(everything))
      expect((await observeLists(other)).degraded).toEqual([])
      const { announceFile } = pair.manifest.paths
      const before = announceFile === null ? 0 : (await stat(announceFile)).ino
      await other.apply(degraded)
      expect(announceFile === null ? 0 : (await stat(announceFile)).ino).toBe(before)
    } finally {
      other.close()
    }
  })
})
