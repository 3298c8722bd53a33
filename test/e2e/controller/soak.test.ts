import { type ChildProcess, spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { advertisedTo, covering4 } from '../fixtures/routing/configs.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { untilEqual } from '../fixtures/routing/until.ts'

const script = fileURLToPath(new URL('../../../scripts/soak.mjs', import.meta.url))
const announced = new Set([covering4])
let pair: Pair
let bird: RoutingDaemon
let stand: ChildProcess | undefined

beforeAll(async () => {
  pair = await startPair('bird')
  bird = createBird({ manifest: pair.manifest })
})

afterAll(async () => {
  bird?.close()
  await pair?.stop()
})

beforeEach(() => apply(announced))

afterEach(async () => {
  if (stand === undefined) return
  stand.kill('SIGKILL')
  if (stand.exitCode === null && stand.signalCode === null) await once(stand, 'exit')
  stand = undefined
})

test('reports no finding while nothing happens', async () => {
  const { result, exitCode } = await finish(soak(await labWith('setInterval(() => {}, 60_000)'), 3, 300))
  expect(result).toMatchObject({ flaps: [], problems: [] })
  expect(result.samples).toBeGreaterThan(2)
  expect(exitCode).toBe(0)
})

test('detects a withdrawal that ended before the next poll', async () => {
  const running = soak(await labWith('setInterval(() => {}, 60_000)'), 1, 3000)
  await watching(running)
  await apply(new Set())
  await apply(announced)
  const { result, exitCode } = await finish(running)
  expect(result.flaps).toEqual(['router of fra1-a (transit1) saw a withdrawal'])
  expect(exitCode).toBe(1)
})

test('names a prefix that stays withdrawn', async () => {
  const running = soak(await labWith('setInterval(() => {}, 60_000)'), 3, 300)
  await watching(running)
  await apply(new Set())
  const { result, exitCode } = await finish(running)
  expect(result.flaps).toContain(`router of fra1-a (transit1) misses ${covering4}`)
  expect(exitCode).toBe(1)
})

test('reports a controller that is never idle', async () => {
  const { result, exitCode } = await finish(soak(await labWith('for (;;);'), 3, 300))
  expect(result.problems).toEqual(['the controller of fra1-a used more than 3 % of a core'])
  expect(exitCode).toBe(1)
})

test('refuses a lab that announces nothing', async () => {
  await apply(new Set())
  const { exitCode, stderr } = await soak(await labWith('setInterval(() => {}, 60_000)'), 3, 300)
  expect(stderr).toContain('soak: no neighbor has a route from fra1-a')
  expect(exitCode).toBe(2)
})

async function apply(desired: ReadonlySet<string>): Promise<void> {
  await bird.apply(normally(desired))
  await untilEqual('what transit1 has', advertisedTo('transit1', desired), () => pair.received('transit1'))
}

/** Describes the pair as a lab, with another program as its controller. */
async function labWith(controller: string): Promise<string> {
  stand = spawn(process.execPath, ['-e', `process.stdout.write('.'); ${controller}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  // The start of Node would count as CPU time of the controller.
  await once(stand.stdout!, 'data')
  const dir = join(pair.manifest.paths.runtimeDir, '..')
  const sessions = [{ node: 'fra1-a', protocol: 'transit1' }]
  const lab = {
    nodes: [{ name: 'fra1-a', controllerPid: stand.pid }],
    neighbors: [{ name: 'router', controlSocket: join(dir, 'p/ctl'), sessions }],
  }
  await writeFile(join(dir, 'lab.json'), JSON.stringify(lab))
  return join(dir, 'lab.json')
}

function soak(lab: string, seconds: number, intervalMs: number) {
  const options = ['--json', '--minutes', String(seconds / 60), '--interval-ms', String(intervalMs)]
  return execa(process.execPath, [script, ...options, lab], { reject: false })
}

async function watching(running: ReturnType<typeof soak>): Promise<void> {
  let said = ''
  for await (const chunk of on(running.stderr!, 'data', { close: ['end'] })) {
    said += String(chunk)
    if (said.includes('soak: watching')) return
  }
  throw new Error(`the soak ended before it had looked once: ${said}`)
}

async function finish(running: ReturnType<typeof soak>) {
  const { stdout, stderr, exitCode } = await running
  expect(stdout, stderr).toMatch(/^\{.*\}$/)
  const result = JSON.parse(stdout) as { flaps: string[]; problems: string[]; samples: number }
  return { result, exitCode }
}
