import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { observeLists } from '../../observation-lists.ts'
import {
  advertisedTo,
  covering4,
  covering6,
  everything,
  host4,
  host6,
  neighbors,
  otherCovering4,
} from '../fixtures/routing/configs.ts'
import { untilAnnounced } from '../fixtures/routing/expectations.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { untilEqual } from '../fixtures/routing/until.ts'

const nothing = new Set<string>()
let pair: Pair
let bird: RoutingDaemon
/** Another client of the same daemon. */
let foreign: BirdClient
let goodConfig: string

beforeAll(async () => {
  pair = await startPair('bird')
  bird = createBird({ manifest: pair.manifest })
  foreign = new BirdClient({ socketPath: pair.manifest.paths.daemonSocket })
  goodConfig = await readFile(pair.configFile, 'utf8')
})

afterAll(async () => {
  bird?.close()
  foreign?.close()
  await pair?.stop()
})

beforeEach(async () => {
  await writeFile(pair.configFile, goodConfig)
  await foreign.send('configure')
  await pair.sessionsUp()
  await announce(everything)
})

async function announce(desired: ReadonlySet<string>): Promise<void> {
  await bird.apply(normally(desired))
  await untilAnnounced(pair, desired)
}

const announceFile = () => pair.manifest.paths.announceFile!
const log = async () => readFile(`${dirname(pair.configFile)}/log`, 'utf8')
const reloads = async () => (await log()).split('Reconfiguring').length - 1

describe('on a healthy BIRD', () => {
  test('identify returns its version and router id', async () => {
    expect(await bird.identify()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+/),
      routerId: '10.0.0.11',
    })
  })

  test('each neighbor receives the prefixes for its kind, and observe agrees with the neighbors', async () => {
    const observation = await observeLists(bird)
    expect(observation.originated).toEqual([covering4, host4, otherCovering4, covering6, host6])
    for (const { neighbor, session, announced } of observation.neighbors) {
      expect({ neighbor, session, announced: [...announced].sort() }).toEqual({
        neighbor,
        session: 'up',
        announced: await pair.received(neighbor),
      })
    }
    expect(await pair.received('transit1')).toEqual([covering4, otherCovering4])
    expect(await pair.received('tor1')).toEqual([covering4, host4, otherCovering4])
    expect(await pair.received('tor6')).toEqual([host6, covering6].sort())
  })

  test('a withdrawal reaches every neighbor, and observe reports it', async () => {
    await announce(nothing)
    expect(await observeLists(bird)).toEqual({
      originated: [],
      neighbors: neighbors.map(({ name }) => ({
        neighbor: name,
        session: 'up',
        announced: [],
        degraded: [],
      })),
      degraded: [],
      otherAnnouncers: null,
    })
  })

  test('a withdrawal of one service leaves the other announced', async () => {
    await announce(new Set([otherCovering4]))
    expect((await observeLists(bird)).originated).toEqual([otherCovering4])
  })

  test('failure 20: no file is written and nothing is reloaded when nothing changed', async () => {
    const before = { reloads: await reloads(), file: await stat(announceFile()) }
    await bird.apply(normally(everything))
    await bird.apply(normally(everything))
    expect(await reloads()).toBe(before.reloads)
    expect((await stat(announceFile())).ino).toBe(before.file.ino)
  })

  test('the last call of a burst takes effect', async () => {
    const calls = Array.from({ length: 20 }, (_, index) =>
      bird.apply(normally(index % 2 === 0 ? everything : nothing)),
    )
    await Promise.all(calls)
    await untilAnnounced(pair, nothing)
  })

  test('a protocol that is not in the configuration is reported as a missing session', async () => {
    const [first] = pair.manifest.neighbors
    const other = createBird({
      manifest: { ...pair.manifest, neighbors: [{ ...first!, protocol: 'aw_nobody' }] },
    })
    try {
      expect((await observeLists(other)).neighbors).toEqual([
        { neighbor: 'transit1', session: 'missing', announced: [], degraded: [] },
      ])
    } finally {
      other.close()
    }
  })

  test('a session that is down has no announcements', async () => {
    await foreign.send('disable aw_transit1')
    await untilEqual(
      'the session',
      { neighbor: 'transit1', session: 'down', announced: [], degraded: [] },
      async () => (await observeLists(bird)).neighbors[0],
    )
  })

  test('more prefixes than fit into one command are queried with several', async () => {
    const many = Array.from({ length: 120 }, (_, index) => `192.0.2.${index}/32`)
    const [service] = pair.manifest.services
    const other = createBird({
      manifest: { ...pair.manifest, services: [{ ...service!, prefixes: [covering4, ...many] }] },
    })
    try {
      await other.apply(normally([covering4, ...many]))
      await untilEqual('what tor1 has', advertisedTo('tor1', [covering4, ...many]), () =>
        pair.received('tor1'),
      )
      const observed = (await observeLists(other)).neighbors[1]!
      expect([...observed.announced].sort()).toEqual(await pair.received('tor1'))
    } finally {
      other.close()
    }
  })
})

describe('failure 6: when an operator acts', () => {
  test('an edit of the owned file with a configure is detected and corrected', async () => {
    await writeFile(announceFile(), 'protocol static anyward4 { ipv4; }\n')
    await foreign.send('configure')
    await untilEqual('the originated prefixes', [], async () => (await observeLists(bird)).originated)
    await untilEqual('what transit1 has', [], () => pair.received('transit1'))
    await announce(everything)
  })

  test('a disabled protocol is detected and enabled', async () => {
    await foreign.send('disable anyward4')
    await untilEqual(
      'the originated prefixes',
      [covering6, host6],
      async () => (await observeLists(bird)).originated,
    )
    await announce(everything)
  })

  test('an enable after our withdrawal announces nothing', async () => {
    await announce(nothing)
    await foreign.send('enable anyward4')
    expect((await observeLists(bird)).originated).toEqual([])
  })

  test('failure 7: a BIRD without the owned file originates nothing, and the next apply writes the file', async () => {
    await rename(announceFile(), `${announceFile()}.away`)
    await foreign.send('configure')
    await untilEqual('the originated prefixes', [], async () => (await observeLists(bird)).originated)
    await announce(everything)
  })
})
