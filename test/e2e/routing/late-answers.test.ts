import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import type { DaemonError } from '../../../src/node/routing/daemon.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { patience } from '../../patience.ts'
import type { Daemon } from '../fixtures/routing/daemon-process.ts'
import { daemonsIn } from '../fixtures/routing/daemons-in.ts'
import { failureOf } from '../fixtures/routing/expectations.ts'
import { until } from '../fixtures/routing/until.ts'

const prefixes = (count: number) =>
  Array.from({ length: count }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}/32`)

/** An answer that takes the daemon much longer than the deadline. */
const setups = {
  bird: {
    config: `router id 10.0.0.1;
protocol device {}
protocol static many { ipv4; ${prefixes(200_000)
      .map((prefix) => `route ${prefix} blackhole;`)
      .join(' ')} }
`,
    client: (socketPath: string, deadlineMs: number) => new BirdClient({ socketPath, deadlineMs }),
    long: 'show route table master4 where net ~ [ 10.0.0.7/32, 10.2.0.7/32 ]',
    short: 'show status',
  },
  frr: {
    config: `router bgp 64500
 no bgp network import-check
 address-family ipv4 unicast
${prefixes(4000)
  .map((prefix) => `  network ${prefix}`)
  .join('\n')}
`,
    client: (socketPath: string, deadlineMs: number) => new Vty({ socketPath, deadlineMs }),
    long: 'show bgp ipv4 unicast json',
    short: 'show version',
  },
}

describe.each(['bird', 'frr'] as const)('%s', (kind) => {
  const { config, client: createClient, long, short } = setups[kind]
  const namespace = `late-${process.pid}`
  const undo: (() => Promise<unknown>)[] = []
  let daemon: Daemon
  let socketPath: string

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'late-'))
    undo.push(() => rm(dir, { recursive: true, force: true }))
    // FRR's daemons are not root.
    await chmod(dir, 0o755)
    await execa('ip', ['netns', 'add', namespace])
    undo.push(() => execa('ip', ['netns', 'delete', namespace]))
    const prepared = await daemonsIn(kind, namespace, dir, undo)
    socketPath = prepared.socketPath
    daemon = await prepared.prepare(config)
    undo.push(() => daemon.kill())
    await daemon.start()
    await isAlive()
  })
  afterAll(async () => {
    for (const step of undo.reverse()) await step()
  })

  async function isAlive(): Promise<void> {
    const client = createClient(socketPath, patience(20_000))
    // The backlog of a daemon that was stopped may still be full.
    await until('it answers', () => client.send(short).then(() => null, String))
    client.close()
  }

  /** A greeting may pass the deadline too: then no answer is late. */
  async function expire(client: BirdClient | Vty): Promise<void> {
    await until('the long answer is late', async () => {
      const { code, message } = await failureOf(client.send(long))
      expect(code).toBe('timeout')
      return message.includes(long) ? null : message
    })
  }

  test('runs on when the answers to one client are late, one after the other', async () => {
    const client = createClient(socketPath, 10)
    for (let late = 0; late < 10; late++) await expire(client)
    client.close()
    await isAlive()
  })

  test('runs on when a client leaves during its answer', async () => {
    let left = 0
    for (let attempt = 0; left < 10; attempt++) {
      expect(attempt, `attempts, of which ${left} clients left before the end of the answer`).toBeLessThan(
        100,
      )
      const client = createClient(socketPath, patience(20_000))
      await client.send(short)
      const answer = client.send(long).then(
        () => null,
        (error: DaemonError) => error.code,
      )
      // One moment after the other: a daemon that sees the end together with the command does not begin.
      await new Promise((resolve) => setTimeout(resolve, left))
      await client.leave()
      const code = await answer
      // The timer came late, when the answer was whole: this client did not leave during it.
      if (code === null) continue
      expect(code).toBe('disconnected')
      left++
    }
    await isAlive()
  })

  test('runs on after a stop in which many commands have passed their deadline', async () => {
    const client = createClient(socketPath, 200)
    await until('the client is connected', () => client.send(short).then(() => null, String))
    await daemon.freeze()
    for (let late = 0; late < 10; late++) await failureOf(client.send(long))
    daemon.thaw()
    await isAlive()
    await client.leave()
    await isAlive()
  })
})
