import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Announcements, normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { observeLists } from '../../observation-lists.ts'
import {
  advertisedTo,
  covering4,
  everything,
  neighbors,
  otherCovering4,
} from '../fixtures/routing/configs.ts'
import { failureOf, untilAnnounced } from '../fixtures/routing/expectations.ts'
import { listenBetween } from '../fixtures/routing/listen-between.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'

const nothing = normally([])

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let pair: Pair
  let daemon: RoutingDaemon
  const create = (manifest: Pair['manifest'], deadlineMs = 1000) =>
    kind === 'bird' ? createBird({ manifest, deadlineMs }) : createFrr({ manifest, deadlineMs })

  beforeAll(async () => {
    pair = await startPair(kind)
    daemon = create(pair.manifest)
  })
  afterAll(async () => {
    daemon?.close()
    await pair?.stop()
  })
  beforeEach(async () => {
    await pair.sessionsUp()
    await reach(normally(everything))
  })

  /** Applies again and again, as the reconciler does, until the neighbors and observe agree with it. */
  async function reach(desired: Announcements): Promise<void> {
    await until('the neighbors have what is desired', async () => {
      try {
        await daemon.apply(desired)
        await untilAnnounced(pair, new Set(desired.keys()), 300)
        return await differenceOf(desired)
      } catch (error) {
        return String(error)
      }
    })
  }

  async function differenceOf(desired: Announcements): Promise<string | null> {
    const { originated, neighbors: states } = await observeLists(daemon)
    const seen = JSON.stringify([
      originated.toSorted(),
      ...states.map(({ announced }) => announced.toSorted()),
    ])
    const wanted = [...desired.keys()]
    const expected = JSON.stringify([
      wanted.toSorted(),
      ...neighbors.map(({ name }) => advertisedTo(name, wanted)),
    ])
    return seen === expected ? null : `observed: ${seen}`
  }

  /** An operator's commands on the daemon's own socket. */
  async function meddle(frrLines: readonly string[], birdRoutes: string): Promise<void> {
    const { daemonSocket, announceFile } = pair.manifest.paths
    if (kind === 'frr') {
      const vty = new Vty({ socketPath: daemonSocket })
      for (const line of [
        'configure terminal',
        'router bgp 64500',
        'address-family ipv4 unicast',
        ...frrLines,
      ]) {
        await vty.ask(line)
      }
      vty.close()
      return
    }
    await writeFile(
      announceFile!,
      `protocol static anyward4 { ipv4; ${birdRoutes} }\nprotocol static anyward6 { ipv6; }\n`,
    )
    const client = new BirdClient({ socketPath: daemonSocket })
    await client.send('configure')
    client.close()
  }

  test('failure 5: a command that timed out on a stopped daemon may run later; observe shows it, and the next apply corrects it', async () => {
    for (const [first, then] of [
      [nothing, normally(everything)],
      [normally([otherCovering4]), nothing],
    ] as const) {
      const hasty = create(pair.manifest, 200)
      try {
        await hasty.identify()
        await pair.daemon.freeze()
        expect((await failureOf(hasty.apply(first))).code).toBe('timeout')
      } finally {
        pair.daemon.thaw()
        hasty.close()
      }
      await reach(then)
    }
  })

  test('failure 6: a prefix degraded by an operator is detected and restored', async () => {
    await meddle(
      [`network ${covering4} route-map aw-degraded`],
      `route ${covering4} blackhole { preference = 199; }; route ${otherCovering4} blackhole;`,
    )
    await untilEqual('what is degraded', [covering4], async () => (await observeLists(daemon)).degraded)
    await untilEqual(
      'the degraded prefixes of transit1',
      [covering4],
      async () => (await observeLists(daemon)).neighbors[0]!.degraded,
    )
    await reach(normally(everything))
    await untilEqual('the prefixes advertised as degraded', [], async () =>
      (await observeLists(daemon)).neighbors.flatMap((state) => state.degraded),
    )
  })

  test('failure 6: a prefix announced by an operator after a withdrawal is detected and withdrawn', async () => {
    await reach(nothing)
    await meddle([`network ${covering4}`], `route ${covering4} blackhole;`)
    await untilEqual('what transit1 has', [covering4], () => pair.received('transit1'))
    const { originated, neighbors: states } = await observeLists(daemon)
    expect([originated, states[0]!.announced]).toEqual([[covering4], [covering4]])
    await reach(nothing)
  })

  test('failure 20: the daemon receives no command when nothing changed, degraded or not', async () => {
    const requests: string[] = []
    const proxy = await listenBetween(pair.manifest.paths.daemonSocket, {
      onRequest: (request) => requests.push(request),
      onReply: () => undefined,
    })
    const other = create({ ...pair.manifest, paths: { ...pair.manifest.paths, daemonSocket: proxy.path } })
    try {
      for (const desired of [
        normally(everything),
        new Map([...normally(everything), [covering4, 'degraded'] as const]),
      ]) {
        await other.apply(desired)
        requests.length = 0
        for (let round = 0; round < 3; round += 1) {
          await other.apply(desired)
          await observeLists(other)
        }
        expect(requests.length).toBeGreaterThan(0)
        expect(requests.filter((request) => !/^(?:show |enable\0)/.test(request))).toEqual([])
      }
    } finally {
      other.close()
      proxy.close()
    }
  })

  if (kind === 'frr') {
    test('failure 10: a line that bgpd refuses is reported, and the other lines take effect', async () => {
      // bgpd originates no link-local network.
      const refused = 'fe80:1::/48'
      const [service, ...rest] = pair.manifest.services
      const services = [{ ...service!, prefixes: [...service!.prefixes, refused] }, ...rest]
      const other = create({ ...pair.manifest, services })
      try {
        await reach(nothing)
        const error = await failureOf(other.apply(normally([refused, ...everything])))
        expect([error.code, error.message]).toEqual([
          'refused',
          expect.stringContaining(`network ${refused}`),
        ])
        await untilAnnounced(pair, everything)
        expect((await observeLists(other)).originated).not.toContain(refused)
      } finally {
        other.close()
      }
    })

    test('failure 10: a bgpd that restarted without the controller announces nothing, degraded or not, until the next apply', async () => {
      await daemon.apply(new Map([...normally(everything), [covering4, 'degraded']]))
      await pair.daemon.kill()
      await pair.daemon.start()
      await pair.sessionsUp()
      await until('it answers', () => daemon.observe().then(() => null, String))
      const { originated, degraded } = await observeLists(daemon)
      expect([originated, degraded]).toEqual([[], []])
      await untilAnnounced(pair, new Set())
    })
    return
  }

  test.each([
    ['garbage', 'this is no configuration\n'],
    ['nothing in it', ''],
    ['half of its text', 'protocol static anyward4 {\n  ipv4;\n  route 192.0.2.0/24 bla'],
    ['a route that is not ours', 'protocol static anyward4 { ipv4; route 203.0.113.0/24 blackhole; }\n'],
  ])('failure 7: an owned file with %s is rewritten by the next apply', async (_, text) => {
    const { daemonSocket, announceFile } = pair.manifest.paths
    for (const desired of [nothing, normally(everything)]) {
      await reach(normally(everything))
      await writeFile(announceFile!, text)
      const client = new BirdClient({ socketPath: daemonSocket })
      await client.send('configure')
      client.close()
      await daemon.apply(desired)
      await untilAnnounced(pair, new Set(desired.keys()))
      await untilEqual('the difference', null, () => differenceOf(desired))
      expect(await readFile(announceFile!, 'utf8')).toMatch(/^# Written by the anyward controller/)
    }
  })

  test('failure 7: while BIRD does not run, a damaged owned file is rewritten without announcements', async () => {
    const { announceFile } = pair.manifest.paths
    await pair.daemon.kill()
    await writeFile(announceFile!, 'this is no configuration\n')
    expect((await failureOf(daemon.apply(normally(everything)))).code).toBe('not-running')
    // BIRD would not start with a damaged file.
    expect(await readFile(announceFile!, 'utf8')).not.toContain('route')
    await pair.daemon.start()
    await pair.sessionsUp()
    await untilAnnounced(pair, new Set())
  })
})
