import { appendFile, chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { observeLists } from '../../observation-lists.ts'
import { patience } from '../../patience.ts'
import { covering4, everything, host4, otherCovering4 } from '../fixtures/routing/configs.ts'
import { failureOf, untilAnnounced } from '../fixtures/routing/expectations.ts'
import { listenBetween } from '../fixtures/routing/listen-between.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'
import { failWithoutRights, otherUser } from '../fixtures/routing/without-rights.ts'

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

describe('failure 7: when the site’s bird.conf is broken', () => {
  test('a withdrawal is reported as refused, and the neighbors lose the routes nevertheless', async () => {
    await appendFile(pair.configFile, 'this is no configuration\n')
    const error = await failureOf(bird.apply(normally(nothing)))
    expect(error.code).toBe('refused')
    expect(error.reply).toMatch(/bird\.conf:\d+:\d+ syntax error/)
    expect(error.message).toContain('anyward4 and anyward6 disabled until the next configure')
    await untilAnnounced(pair, nothing)
    expect((await observeLists(bird)).originated).toEqual([])
    // Everything is withdrawn: nothing is left to do, and nothing is reported.
    await bird.apply(normally(nothing))

    await writeFile(pair.configFile, goodConfig)
    await foreign.send('configure')
    await untilAnnounced(pair, nothing)
    await announce(everything)
  })

  test('a partial withdrawal reports the prefixes still originated, and a retry succeeds', async () => {
    await appendFile(pair.configFile, 'this is no configuration\n')
    const error = await failureOf(bird.apply(normally([otherCovering4])))
    expect(error.code).toBe('refused')
    expect(error.message).toContain(`still originated: ${covering4}, ${host4}`)
    await untilEqual('what tor6 has', [], () => pair.received('tor6'))
    expect((await observeLists(bird)).originated).toEqual([covering4, host4, otherCovering4])
    expect((await failureOf(bird.apply(normally([otherCovering4])))).code).toBe('refused')

    await writeFile(pair.configFile, goodConfig)
    await announce(new Set([otherCovering4]))
  })

  test('an announcement is refused, and a retry succeeds', async () => {
    await announce(nothing)
    await appendFile(pair.configFile, 'this is no configuration\n')
    expect((await failureOf(bird.apply(normally(everything)))).code).toBe('refused')
    expect((await observeLists(bird)).originated).toEqual([])
    await writeFile(pair.configFile, goodConfig)
    await announce(everything)
  })
})

describe('failure 8: when a session must restart', () => {
  test.each([
    ['"Reconfiguration in progress" (0004)', false, '0004 '],
    ['"Reconfiguration already in progress, queueing new config" (0005)', true, '0005 '],
  ])(
    'the reply %s counts as accepted, and only observe shows when the change is done',
    async (_, foreignFirst, code) => {
      const seen: string[] = []
      const proxy = await listenBetween(pair.manifest.paths.daemonSocket, {
        onRequest: (request) => {
          // Another client's reload, so that ours has to wait in the queue.
          if (foreignFirst && request === 'configure\n') foreign.send('configure').catch(() => undefined)
        },
        onReply: (reply) => seen.push(reply),
      })
      const other = createBird({
        manifest: { ...pair.manifest, paths: { ...pair.manifest.paths, daemonSocket: proxy.path } },
      })
      try {
        // BIRD may finish the first before it reads the second: rare, but possible.
        for (let round = 0; round < 10 && !seen.some((reply) => reply.includes(`\n${code}`)); round += 1) {
          await announce(everything)
          await writeFile(pair.configFile, goodConfig.replaceAll('hold time 90', `hold time ${60 + round}`))
          await other.apply(normally([otherCovering4]))
          // The sessions go down or are down: observe must not report routes that a neighbor no longer has.
          for (const { neighbor, session, announced } of (await observeLists(other)).neighbors) {
            if (session !== 'up') expect([neighbor, announced]).toEqual([neighbor, []])
          }
          await pair.sessionsUp()
          await untilAnnounced(pair, new Set([otherCovering4]))
          await untilEqual('what is observed', [[otherCovering4], [otherCovering4], [], []], async () =>
            (await observeLists(other)).neighbors.map(({ announced }) => announced),
          )
        }
        expect(seen.join('')).toContain(`\n${code}`)
      } finally {
        other.close()
        proxy.close()
      }
    },
  )
})

describe('failure 21: when the owned file cannot be written', () => {
  test('a withdrawal is reported as failed, and the neighbors lose the routes nevertheless', async () => {
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
        const error = await failureOf(other.apply(normally(nothing)))
        expect(error.code).toBe('file')
        expect(error.message).toContain('ENOENT')
        await untilAnnounced(pair, nothing)
        expect((await failureOf(other.apply(normally(everything)))).code).toBe('file')
        expect((await observeLists(other)).originated).toEqual([])
      } finally {
        other.close()
      }
    } finally {
      await rename(`${folder}-away`, folder)
    }
    await announce(everything)
  })

  test('a full disk is reported and leaves no partial file, and a retry succeeds once there is space', async () => {
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
      const error = await failureOf(other.apply(normally(nothing)))
      expect(error.code).toBe('file')
      expect(error.message).toContain('ENOSPC')
      await untilAnnounced(pair, nothing)
      expect(await readdir(disk)).toEqual(['filler'])
      await rm(`${disk}/filler`)
      await other.apply(normally(nothing))
      expect(await readdir(disk)).toEqual(['announce.conf'])
      other.close()
    } finally {
      await execa('umount', [disk])
    }
  })
})

describe('failure 4: when BIRD does not answer', () => {
  test('a stopped BIRD is a timeout within the deadline, and works again after SIGCONT', async () => {
    for (const withConnection of [true, false]) {
      const other = createBird({ manifest: pair.manifest, deadlineMs: 300 })
      try {
        if (withConnection) await other.identify()
        await pair.daemon.freeze()
        const began = performance.now()
        expect((await failureOf(other.apply(normally(nothing)))).code).toBe('timeout')
        expect(performance.now() - began).toBeLessThan(patience(2000))
        expect((await failureOf(other.observe())).code).toBe('timeout')
        pair.daemon.thaw()
        await until('a retry succeeds', () =>
          other.apply(normally(nothing)).then(
            () => null,
            (error: Error) => error.message,
          ),
        )
        await untilAnnounced(pair, nothing)
        await announce(everything)
      } finally {
        pair.daemon.thaw()
        other.close()
      }
    }
  })

  test('a stopped BIRD whose connection queue is full is still a timeout', async () => {
    const other = createBird({ manifest: pair.manifest, deadlineMs: 20 })
    try {
      await pair.daemon.freeze()
      for (let index = 0; index < 30; index += 1) {
        expect((await failureOf(other.observe())).code).toBe('timeout')
      }
    } finally {
      pair.daemon.thaw()
      other.close()
    }
    await until('it answers again', () => bird.observe().then(() => null, String))
  })

  test('a dead BIRD is reported as not running; its file loses withdrawn prefixes and gains no announced ones', async () => {
    await announce(new Set([covering4]))
    await pair.daemon.kill()
    try {
      await until('the loss is seen', async () => {
        const { code } = await failureOf(bird.observe())
        return code === 'not-running' ? null : code
      })
      expect((await failureOf(bird.apply(normally(everything)))).code).toBe('not-running')
      expect(await readFile(announceFile(), 'utf8')).not.toContain(host4)
      expect((await failureOf(bird.apply(normally(nothing)))).code).toBe('not-running')
      expect(await readFile(announceFile(), 'utf8')).not.toContain(covering4)
    } finally {
      await pair.daemon.start()
    }
    expect((await observeLists(bird)).originated).toEqual([])
    await pair.sessionsUp()
    await announce(everything)
  })

  test('a BIRD that restarted without an apply originates what its files contain', async () => {
    await pair.daemon.kill()
    await pair.daemon.start()
    await pair.sessionsUp()
    await until('it answers', () => bird.observe().then(() => null, String))
    await untilAnnounced(pair, everything)
    expect((await observeLists(bird)).originated).toHaveLength(everything.size)
  })

  test('close rejects the pending operations', async () => {
    const other = createBird({ manifest: pair.manifest })
    await pair.daemon.freeze()
    try {
      const calls = [other.observe(), other.apply(normally(nothing)), other.identify()].map(failureOf)
      setImmediate(() => other.close())
      for (const error of await Promise.all(calls)) expect(error.code).toBe('disconnected')
    } finally {
      pair.daemon.thaw()
    }
    await until('it answers again', () => bird.observe().then(() => null, String))
  })
})

describe('when permission is missing', () => {
  test('the error names the socket or file that this user may not open', async () => {
    const { daemonSocket } = pair.manifest.paths
    const folder = dirname(announceFile())
    await chmod(daemonSocket, 0o600)
    for (const path of [daemonSocket, folder, announceFile()]) await chown(path, otherUser, otherUser)
    const { observe, apply } = await failWithoutRights('bird', pair.manifest)
    expect(observe).toEqual({ code: 'permission', message: expect.stringContaining(daemonSocket) })
    expect(apply).toEqual({ code: 'permission', message: expect.stringContaining(announceFile()) })
    for (const path of [folder, announceFile()]) await chown(path, 0, 0)
    await untilAnnounced(pair, everything)
  })
})
