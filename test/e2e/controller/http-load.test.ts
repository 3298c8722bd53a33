import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parseDecisions, readFrom, sizeOf } from '../../../src/lab/scenario/controller-log.ts'
import { patience } from '../../patience.ts'
import { NodeUnderTest } from '../failures/node-under-test.ts'
import { labDown, labUp, until } from '../fixtures/lab/lab.ts'

const nodes: NodeUnderTest[] = []

beforeAll(async () => {
  const lab = await labUp('test/e2e/failures/fleet')
  for (const node of lab.nodes) {
    const one = new NodeUnderTest(lab, node)
    one.everything = await one.rows()
    nodes.push(one)
  }
}, 240_000)
afterAll(async () => {
  for (const node of nodes) await node.close()
  await labDown()
}, 60_000)

/** The script as text, since another user may not be able to read the checkout. */
const script = readFileSync(new URL('../fixtures/http/load.mjs', import.meta.url), 'utf8')
const kinds = [
  ...(['pipelined', 'deaf', 'idle', 'slow', 'churn', 'malformed', 'requests', 'endless'] as const),
  ...(['streams', 'unread', 'half'] as const),
]
/** What a load may add to the memory of the controller, at the most. */
const mostMb = 20
const strikes = Number(process.env.ANYWARD_TEST_STRIKES ?? 5)
/** Generous: the machine is busy with the load itself and with other tests. */
const slackMs = patience(150)

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let node: NodeUnderTest
  const load = { end: () => {} }

  beforeAll(async () => {
    node = nodes.find((candidate) => candidate.node.daemon === kind)!
    // Short, so that a lease delayed by the load expires within the test.
    await node.restart({
      change: ({ services: [service] }) => {
        service!.deadManMs = 20_000
      },
    })
    await node.back()
  }, 120_000)
  afterEach(async () => {
    load.end()
    await node.back()
  })

  const begin = async (what: string) => {
    const { hostname, port } = new URL(node.node.statusUrl)
    const child = spawn(
      'ip',
      [
        ...['netns', 'exec', node.node.namespace],
        ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
        ...[process.execPath, '--input-type=module', '-e', script, hostname, port, what],
      ],
      // In a session of its own, as another user's: it must not take this test's share of the processor.
      { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/', detached: true },
    )
    const ended = once(child, 'close')
    load.end = () => {
      child.kill('SIGKILL')
    }
    await Promise.race([
      once(child.stdout, 'data'),
      ended.then(() => Promise.reject(new Error(`the load ${what} ended by itself`))),
    ])
  }

  test.each(kinds)(
    'under the load %s of another user a dead link is withdrawn as quickly, and no lease expires',
    async (what) => {
      const logFile = join(node.node.bundle, '../controller.log')
      const from = await sizeOf(logFile)
      const guardLog = join(node.manifest.paths.runtimeDir, 'guard.log')
      const quietMs = median(await measureWithdrawals(node, strikes))
      const guardFrom = await sizeOf(guardLog)
      const quietMb = readMemoryMb(node.controllerPid)
      await begin(what)
      const tookMs = await measureWithdrawals(node, strikes)
      const loadedMb = readMemoryMb(node.controllerPid)
      load.end()
      expect(loadedMb - quietMb).toBeLessThan(mostMb)
      if (process.env.ANYWARD_TEST_STRIKES !== undefined) {
        const rounded = tookMs.map((ms) => ms.toFixed(1)).join(' ')
        process.stdout.write(
          `${kind} ${what}: quiet ${quietMs.toFixed(1)}, loaded ${median(tookMs).toFixed(1)} (${rounded}); memory ${quietMb.toFixed(1)} MB, loaded ${loadedMb.toFixed(1)} MB\n`,
        )
      }
      expect(median(tookMs)).toBeLessThan(2 * quietMs + 10 + slackMs)
      expect(Math.max(...tookMs)).toBeLessThan(patience(10_000))
      const decisions = parseDecisions(await readFrom(logFile, from))
      expect(decisions.map(({ reason }) => reason)).toContain('interface-down')
      expect(await readFrom(guardLog, guardFrom)).not.toContain('dead-man')
    },
    120_000,
  )

  test('/healthz answers while thousands of idle connections are open', async () => {
    await begin('idle')
    await until(
      'an answer within a second',
      () =>
        fetch(node.node.statusUrl.replace(/status$/, 'healthz'), {
          signal: AbortSignal.timeout(1000),
        }),
      ({ status }) => status === 200,
      30_000,
    )
  }, 60_000)
})

function readMemoryMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

/** Milliseconds from the command that sets the link down to the withdrawal at the neighbors. */
async function measureWithdrawals(node: NodeUnderTest, count: number): Promise<number[]> {
  // `ip -batch` runs each line as it reads it, so that the start of a program is not measured.
  const ip = spawn('ip', ['netns', 'exec', node.node.namespace, 'ip', '-batch', '-'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const link = node.manifest.services[0]!.wireguard.interface
  const tookMs: number[] = []
  try {
    for (let at = 0; at < count; at += 1) {
      const struckAt = performance.now()
      ip.stdin.write(`link set ${link} down\n`)
      await node.untilRows('withdrawn', (rows) => rows.length === 0)
      tookMs.push(performance.now() - struckAt)
      ip.stdin.write(`link set ${link} up\n`)
      await node.untilRows('announced again', (rows) => rows.join() === node.everything.join())
    }
  } finally {
    ip.stdin.end()
    await once(ip, 'close')
  }
  return tookMs
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
