import { appendFile, chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createBird } from '../../src/routing/bird/bird.ts'
import { BirdClient } from '../../src/routing/bird/client.ts'
import { DaemonError, type RoutingDaemon } from '../../src/routing/daemon.ts'
import {
  covering4,
  covering6,
  everything,
  host4,
  host6,
  neighbors,
  otherCovering4,
  told,
} from './fixture-routing/configs.ts'
import { type Pair, startPair } from './fixture-routing/pair.ts'
import { until, untilEqual } from './fixture-routing/until.ts'

const nothing = new Set<string>()
let pair: Pair
let bird: RoutingDaemon
/** Somebody else at the same daemon. */
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
  await bird.apply(desired)
  await untilAnnounced(desired)
}

async function untilAnnounced(desired: ReadonlySet<string>): Promise<void> {
  for (const { name } of neighbors) {
    await untilEqual(`what ${name} has`, told(name, desired), () => pair.received(name))
  }
}

async function failureOf(call: Promise<unknown>): Promise<DaemonError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(DaemonError)
  return error as DaemonError
}

const announceFile = () => pair.manifest.paths.announceFile!
const log = async () => readFile(`${dirname(pair.configFile)}/log`, 'utf8')
const reloads = async () => (await log()).split('Reconfiguring').length - 1

describe('on a healthy BIRD', () => {
  test('it says who it is', async () => {
    expect(await bird.identify()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+/),
      routerId: '10.0.0.11',
    })
  })

  test('each neighbor is told its own part, and observe says the same as the neighbors', async () => {
    const observation = await bird.observe()
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

  test('a withdrawal reaches every neighbor, and observe says so', async () => {
    await announce(nothing)
    expect(await bird.observe()).toEqual({
      originated: [],
      neighbors: neighbors.map(({ name }) => ({ neighbor: name, session: 'up', announced: [] })),
    })
  })

  test('withdrawing one service leaves the other alone', async () => {
    await announce(new Set([otherCovering4]))
    expect((await bird.observe()).originated).toEqual([otherCovering4])
  })

  test('nothing is written or reloaded when nothing changed', async () => {
    const before = { reloads: await reloads(), file: await stat(announceFile()) }
    await bird.apply(everything)
    await bird.apply(everything)
    expect(await reloads()).toBe(before.reloads)
    expect((await stat(announceFile())).ino).toBe(before.file.ino)
  })

  test('the last of a burst of calls wins', async () => {
    const calls = Array.from({ length: 20 }, (_, index) => bird.apply(index % 2 === 0 ? everything : nothing))
    await Promise.all(calls)
    await untilAnnounced(nothing)
  })

  test('a protocol that the configuration lacks is a missing session', async () => {
    const [first] = pair.manifest.neighbors
    const other = createBird({
      manifest: { ...pair.manifest, neighbors: [{ ...first!, protocol: 'aw_nobody' }] },
    })
    try {
      expect((await other.observe()).neighbors).toEqual([
        { neighbor: 'transit1', session: 'missing', announced: [] },
      ])
    } finally {
      other.close()
    }
  })

  test('a session that is down has no announcements', async () => {
    await foreign.send('disable aw_transit1')
    await untilEqual(
      'the session',
      { neighbor: 'transit1', session: 'down', announced: [] },
      async () => (await bird.observe()).neighbors[0],
    )
  })

  test('more prefixes than one command can name are asked for in several', async () => {
    const many = Array.from({ length: 120 }, (_, index) => `192.0.2.${index}/32`)
    const [service] = pair.manifest.services
    const other = createBird({
      manifest: { ...pair.manifest, services: [{ ...service!, prefixes: [covering4, ...many] }] },
    })
    try {
      await other.apply(new Set([covering4, ...many]))
      await untilEqual('what tor1 has', told('tor1', [covering4, ...many]), () => pair.received('tor1'))
      const observed = (await other.observe()).neighbors[1]!
      expect([...observed.announced].sort()).toEqual(await pair.received('tor1'))
    } finally {
      other.close()
    }
  })
})

describe('when somebody else acts', () => {
  test('an edit of the owned file and a configure are seen, and put right', async () => {
    await writeFile(announceFile(), 'protocol static anyward4 { ipv4; }\n')
    await foreign.send('configure')
    await untilEqual('what is originated', [], async () => (await bird.observe()).originated)
    await untilEqual('what transit1 has', [], () => pair.received('transit1'))
    await announce(everything)
  })

  test('a disable is seen, and put right', async () => {
    await foreign.send('disable anyward4')
    await untilEqual('what is originated', [covering6, host6], async () => (await bird.observe()).originated)
    await announce(everything)
  })

  test('an enable after our withdrawal announces nothing', async () => {
    await announce(nothing)
    await foreign.send('enable anyward4')
    expect((await bird.observe()).originated).toEqual([])
  })

  test('a BIRD without the owned file originates nothing, and the next apply brings it', async () => {
    await rename(announceFile(), `${announceFile()}.away`)
    await foreign.send('configure')
    await untilEqual('what is originated', [], async () => (await bird.observe()).originated)
    await announce(everything)
  })
})

describe("when somebody else's bird.conf is broken", () => {
  test('a withdrawal is reported as refused, and is at the neighbors all the same', async () => {
    await appendFile(pair.configFile, 'this is no configuration\n')
    const error = await failureOf(bird.apply(nothing))
    expect(error.code).toBe('refused')
    expect(error.reply).toMatch(/bird\.conf:\d+:\d+ syntax error/)
    expect(error.message).toContain('anyward4 and anyward6 disabled until the next configure')
    await untilAnnounced(nothing)
    expect((await bird.observe()).originated).toEqual([])
    // Withdrawn is withdrawn: there is nothing left to do, nor to complain about.
    await bird.apply(nothing)

    await writeFile(pair.configFile, goodConfig)
    await foreign.send('configure')
    await untilAnnounced(nothing)
    await announce(everything)
  })

  test('the withdrawal of a part says what is still originated, and a retry succeeds', async () => {
    await appendFile(pair.configFile, 'this is no configuration\n')
    const error = await failureOf(bird.apply(new Set([otherCovering4])))
    expect(error.code).toBe('refused')
    expect(error.message).toContain(`still originated: ${covering4}, ${host4}`)
    await untilEqual('what tor6 has', [], () => pair.received('tor6'))
    expect((await bird.observe()).originated).toEqual([covering4, host4, otherCovering4])
    expect((await failureOf(bird.apply(new Set([otherCovering4])))).code).toBe('refused')

    await writeFile(pair.configFile, goodConfig)
    await announce(new Set([otherCovering4]))
  })

  test('an announcement is refused, and a retry succeeds', async () => {
    await announce(nothing)
    await appendFile(pair.configFile, 'this is no configuration\n')
    expect((await failureOf(bird.apply(everything))).code).toBe('refused')
    expect((await bird.observe()).originated).toEqual([])
    await writeFile(pair.configFile, goodConfig)
    await announce(everything)
  })
})

describe('when a session must restart', () => {
  test('"Reconfiguration in progress" is taken, and observe tells when it is done', async () => {
    await writeFile(pair.configFile, goodConfig.replaceAll('hold time 90', 'hold time 60'))
    await bird.apply(new Set([otherCovering4]))
    // The sessions are on their way down: whatever is said of them now is not that they have the route.
    const observed = await bird.observe()
    for (const { neighbor, announced } of observed.neighbors) {
      if (announced.length > 0) {
        expect([neighbor, [...announced]]).toEqual([neighbor, told(neighbor as 'tor1', [otherCovering4])])
      }
    }
    await pair.sessionsUp()
    await untilAnnounced(new Set([otherCovering4]))
    await untilEqual('what is observed', [[otherCovering4], [otherCovering4], [], []], async () =>
      (await bird.observe()).neighbors.map(({ announced }) => announced),
    )
  })
})

describe('when the owned file cannot be written', () => {
  test('a withdrawal is reported, and is at the neighbors all the same', async () => {
    const folder = dirname(announceFile())
    await rename(folder, `${folder}-away`)
    try {
      const other = createBird({
        manifest: {
          ...pair.manifest,
          paths: { ...pair.manifest.paths, daemonSocket: `${folder}-away/ctl` },
        },
      })
      try {
        const error = await failureOf(other.apply(nothing))
        expect(error.code).toBe('file')
        expect(error.message).toContain('ENOENT')
        await untilAnnounced(nothing)
        expect((await failureOf(other.apply(everything))).code).toBe('file')
        expect((await other.observe()).originated).toEqual([])
      } finally {
        other.close()
      }
    } finally {
      await rename(`${folder}-away`, folder)
    }
    await announce(everything)
  })

  test('a full disk is reported, leaves no half file, and a retry with room succeeds', async () => {
    const disk = `${dirname(announceFile())}/disk`
    await mkdir(disk)
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk])
    try {
      const other = createBird({
        manifest: {
          ...pair.manifest,
          paths: { ...pair.manifest.paths, announceFile: `${disk}/announce.conf` },
        },
      })
      await writeFile(`${disk}/filler`, Buffer.alloc(8192))
      const error = await failureOf(other.apply(nothing))
      expect(error.code).toBe('file')
      expect(error.message).toContain('ENOSPC')
      await untilAnnounced(nothing)
      expect(await readdir(disk)).toEqual(['filler'])
      await rm(`${disk}/filler`)
      await other.apply(nothing)
      expect(await readdir(disk)).toEqual(['announce.conf'])
      other.close()
    } finally {
      await execa('umount', [disk])
    }
  })
})

describe('when BIRD does not answer', () => {
  test('a stopped BIRD is a timeout within the deadline, and works again when it goes on', async () => {
    for (const withConnection of [true, false]) {
      const other = createBird({ manifest: pair.manifest, deadlineMs: 300 })
      try {
        if (withConnection) await other.identify()
        pair.daemon.signal('SIGSTOP')
        const began = performance.now()
        expect((await failureOf(other.apply(nothing))).code).toBe('timeout')
        expect(performance.now() - began).toBeLessThan(2000)
        expect((await failureOf(other.observe())).code).toBe('timeout')
        pair.daemon.signal('SIGCONT')
        await until('a retry succeeds', () =>
          other.apply(nothing).then(
            () => null,
            (error: Error) => error.message,
          ),
        )
        await untilAnnounced(nothing)
        await announce(everything)
      } finally {
        pair.daemon.signal('SIGCONT')
        other.close()
      }
    }
  })

  test('a stopped BIRD that was asked too often is still a timeout', async () => {
    const other = createBird({ manifest: pair.manifest, deadlineMs: 20 })
    try {
      pair.daemon.signal('SIGSTOP')
      for (let index = 0; index < 30; index += 1) {
        expect((await failureOf(other.observe())).code).toBe('timeout')
      }
    } finally {
      pair.daemon.signal('SIGCONT')
      other.close()
    }
    await until('it answers again', () => bird.observe().then(() => null, String))
  })

  test('a dead BIRD is not running, a new announcement waits for it, a withdrawal does not', async () => {
    await announce(new Set([covering4]))
    await pair.daemon.kill()
    try {
      await until('the loss is seen', async () => {
        const { code } = await failureOf(bird.observe())
        return code === 'not-running' ? null : code
      })
      expect((await failureOf(bird.apply(everything))).code).toBe('not-running')
      expect(await readFile(announceFile(), 'utf8')).not.toContain(host4)
      expect((await failureOf(bird.apply(nothing))).code).toBe('not-running')
      expect(await readFile(announceFile(), 'utf8')).not.toContain(covering4)
    } finally {
      await pair.daemon.start()
    }
    expect((await bird.observe()).originated).toEqual([])
    await pair.sessionsUp()
    await announce(everything)
  })

  test('a BIRD that restarted alone is what its files say', async () => {
    await pair.daemon.kill()
    await pair.daemon.start()
    await pair.sessionsUp()
    await until('it answers', () => bird.observe().then(() => null, String))
    await untilAnnounced(everything)
    expect((await bird.observe()).originated).toHaveLength(everything.size)
  })

  test('close rejects what is under way', async () => {
    const other = createBird({ manifest: pair.manifest })
    pair.daemon.signal('SIGSTOP')
    try {
      const calls = [other.observe(), other.apply(nothing), other.identify()].map(failureOf)
      setImmediate(() => other.close())
      for (const error of await Promise.all(calls)) expect(error.code).toBe('disconnected')
    } finally {
      pair.daemon.signal('SIGCONT')
    }
    await until('it answers again', () => bird.observe().then(() => null, String))
  })
})

describe('without permission', () => {
  test('a socket or a file that this user may not open is named', async () => {
    await chmod(pair.manifest.paths.daemonSocket, 0o600)
    const other = createBird({ manifest: pair.manifest })
    process.seteuid!('nobody')
    try {
      const socket = await failureOf(other.observe())
      expect(socket.code).toBe('permission')
      expect(socket.message).toContain(pair.manifest.paths.daemonSocket)
      const file = await failureOf(other.apply(nothing))
      expect(file.code).toBe('permission')
      expect(file.message).toContain(announceFile())
    } finally {
      process.seteuid!(0)
      other.close()
    }
    await untilAnnounced(everything)
  })
})
