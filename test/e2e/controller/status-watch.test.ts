import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FleetStatus } from '../../../src/control/fleet-status.ts'
import type { NodeStatus } from '../../../src/control/status.ts'
import { patience } from '../../patience.ts'
import { LiveTerminal } from '../fixtures/terminal/live-terminal.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const program = [process.execPath, join(root, 'dist/cli/main.js')]
const time = '2026-11-30T03:00:00.000Z'

const good: NodeStatus['services'][number] = {
  ...{ name: 'vpn', health: 'healthy', decision: 'announce', reason: 'healthy', since: time },
  detail: 'the endpoint serves',
  announced: [{ neighbor: 'transit1', prefix: '192.0.2.0/24', degraded: false }],
  checks: { handshake: true },
  probe: { outcome: 'good', handshakeMs: 1.5, pingMs: null },
  loss: 0,
  holdDown: { flaps: 0, leftMs: null },
  late: { inRow: 0, total: 0 },
  drain: { stage: 'none', sinceMs: null, waitingFor: null, ending: null },
  ...{ permit: null, fenced: null, remote: null },
}
const bad: NodeStatus['services'][number] = {
  ...good,
  ...{ health: 'unhealthy', decision: 'withdraw', reason: 'interface-missing', announced: [] },
  detail: 'the interface wg0 does not exist on this node, which is what its bundle says it has',
}
const statusOf = (service = good): NodeStatus => ({
  ...{ version: 1, node: 'fra1-a', site: 'fra1', bundle: null, serial: null, services: [service], time },
  neighbors: [{ name: 'transit1', address: '10.1.1.1', session: 'up', bfd: null }],
  operator: { intent: 'serve', source: null, reason: null, by: null, until: null },
  maintenance: { active: null, next: null },
  ...{ guard: null, store: null, rescue: null, heldAddresses: [], access: null },
  daemon: {
    ...{ kind: 'bird', version: '2.0.12', verified: true, trouble: null, savedAnnouncements: [] },
    observedAgoMs: 12,
  },
})
const fleetOf = (service = good): FleetStatus => {
  const { health, decision, reason, announced } = service
  const node = { site: 'fra1', node: 'fra1-a', ageMs: 400, stale: false, clockAheadMs: 0, serial: null }
  return {
    ...{ version: 1, node: 'fra1-a', site: 'fra1', permits: [], changes: 0, minSites: [], time },
    store: { ok: true, since: time, problem: null },
    nodes: [{ ...node, health, decision, reason, announced, services: [{ ...service, well: true }] }],
  }
}

/** Stands in for a controller: what it answers, or that it does not. */
class FakeController {
  answer: 'status' | 'nothing' = 'status'
  service = good
  asked = 0
  #server: Server | null = null
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  async start(): Promise<void> {
    const server = createServer(({ url }, response) => {
      this.asked += 1
      if (this.answer === 'nothing') return
      // Measurements differ each time, as those of a real controller do.
      const status = statusOf(this.service)
      status.daemon.observedAgoMs = this.asked
      response.end(
        JSON.stringify(
          url === '/fleet' ? fleetOf(this.service) : { ...status, time: new Date().toISOString() },
        ),
      )
    })
    await new Promise<void>((resolve) => server.listen(this.#socket, resolve))
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

let dir: string
let controller: FakeController
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watch-'))
  await cp(join(root, 'test/golden/example/out/fra1/fra1-a'), join(dir, 'bundle'), { recursive: true })
  const file = join(dir, 'bundle/manifest.json')
  const manifest = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  const paths = { ...(manifest.paths as object), runtimeDir: dir }
  const files = { caFile: '/x/ca', certFile: '/x/cert', keyFile: '/x/key' }
  const store = { endpoints: ['192.0.2.7:2379'], ...files }
  await writeFile(file, JSON.stringify({ ...manifest, paths, store }))
  controller = new FakeController(join(dir, 'controller.sock'))
  await controller.start()
})
afterEach(async () => {
  await controller.stop()
  await rm(dir, { recursive: true })
})

const watch = (...more: string[]) => [
  ...program,
  ...more,
  'status',
  '--watch',
  '--bundle',
  join(dir, 'bundle'),
]
const slow = { timeout: patience(20_000) }

test('on a terminal the status is redrawn in place, and Ctrl-C restores the terminal and exits 0', async () => {
  await using terminal = await LiveTerminal.start(watch(), { columns: 100, rows: 30 })
  await expect.poll(() => terminal.text, slow).toContain('vpn: healthy, announce')
  expect(terminal.isAlternate).toBe(true)
  expect(terminal.lines[0]).toMatch(/^as of 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC, \d\.\d s ago; Ctrl-C ends$/)
  const before = terminal.written.length
  controller.service = bad
  await expect.poll(() => terminal.text, slow).toContain('vpn: unhealthy, withdraw')
  expect(terminal.text).not.toContain('healthy, announce')
  expect(terminal.lines.filter((line) => line.includes('vpn:'))).toHaveLength(1)
  // The lines that have not changed are not written again.
  expect(terminal.written.slice(before)).not.toContain('fra1-a at fra1')
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(0)
  expect(terminal.isAlternate).toBe(false)
  expect(terminal.written).toContain('\u001b[?7h\u001b[?25h\u001b[?1049l')
  expect(terminal.text).toContain('vpn: unhealthy, withdraw')
})

test('keys do not appear on the screen, Ctrl-Z gives the terminal back until the command goes on, and q ends it', async () => {
  await using terminal = await LiveTerminal.start(watch(), { columns: 100, rows: 30 })
  await expect.poll(() => terminal.text, slow).toContain('vpn: healthy, announce')
  const { asked } = controller
  terminal.type('xyzzy\r')
  await expect.poll(() => controller.asked, slow).toBeGreaterThan(asked + 1)
  expect(terminal.text).not.toContain('xyzzy')
  terminal.type('\u001a')
  await expect.poll(() => terminal.isAlternate, slow).toBe(false)
  await expect.poll(() => readFile(`/proc/${terminal.pid}/stat`, 'utf8'), slow).toMatch(/\) T /)
  terminal.resume()
  await expect.poll(() => terminal.isAlternate, slow).toBe(true)
  await expect.poll(() => terminal.text, slow).toContain('vpn: healthy, announce')
  terminal.type('q')
  expect(await terminal.end()).toBe(0)
  expect(terminal.isAlternate).toBe(false)
})

test('SIGTERM restores the terminal too, and exits 0, also while the controller hangs', async () => {
  controller.answer = 'nothing'
  await using terminal = await LiveTerminal.start(watch(), { columns: 100, rows: 30 })
  await expect.poll(() => controller.asked, slow).toBeGreaterThan(0)
  process.kill(terminal.pid, 'SIGTERM')
  expect(await terminal.end()).toBe(0)
  expect(terminal.isAlternate).toBe(false)
})

test('a controller that hangs or ends is reported with the time of its last answer, and the watch goes on', async () => {
  await using terminal = await LiveTerminal.start(watch(), { columns: 120, rows: 30 })
  await expect.poll(() => terminal.text, slow).toContain('vpn: healthy')
  controller.answer = 'nothing'
  await expect
    .poll(() => terminal.text, slow)
    .toMatch(/^! no answer since 2.* UTC: the controller of fra1-a did not answer/)
  expect(terminal.text).toMatch(/what follows is \d+(\.\d)? s old/)
  expect(terminal.text).toContain('vpn: healthy')
  await controller.stop()
  await expect
    .poll(() => terminal.text, slow)
    .toMatch(/^! no answer since .*: no controller is running for fra1-a/)
  controller.answer = 'status'
  await controller.start()
  await expect.poll(() => terminal.text, slow).toMatch(/^as of /)
})

test('a terminal that is narrower than the text, or made smaller, shows wrapped prose and cut rows', async () => {
  controller.service = bad
  await using terminal = await LiveTerminal.start(watch(), { columns: 60, rows: 30 })
  await expect.poll(() => terminal.text, slow).toContain('interface wg0 does not exist')
  expect(terminal.text.replace(/\s+/g, ' ')).toContain(bad.detail)
  expect(Math.max(...terminal.lines.map(({ length }) => length))).toBeLessThanOrEqual(60)
  await terminal.resize(40, 8)
  await expect.poll(() => terminal.lines.at(-1), slow).toMatch(/^… \d+ more lines: enlarge the terminal$/)
  expect(terminal.lines[0]).toMatch(/^as of /)
  await terminal.resize(120, 40)
  await expect.poll(() => terminal.text, slow).toContain(`    ${bad.detail}`)
})

test('color is added on a terminal only, and neither with NO_COLOR nor TERM=dumb', async () => {
  const red = '\u001b[31m'
  controller.service = bad
  await using colored = await LiveTerminal.start(watch(), { columns: 100, rows: 30 })
  await expect.poll(() => colored.written, slow).toContain(`${red}unhealthy`)
  await using without = await LiveTerminal.start(watch(), { columns: 100, rows: 30, env: { NO_COLOR: '1' } })
  await expect.poll(() => without.text, slow).toContain('unhealthy')
  expect(without.written).not.toContain(red)
  await using dumb = await LiveTerminal.start(watch(), { columns: 100, rows: 30, env: { TERM: 'dumb' } })
  await expect.poll(() => dumb.written, slow).toContain('unhealthy')
  expect(dumb.written).not.toContain('\u001b')
})

test('the fleet is watched too, and its table is cut where the terminal is narrow', async () => {
  await using terminal = await LiveTerminal.start([...watch(), '--fleet'], { columns: 60, rows: 30 })
  await expect.poll(() => terminal.text, slow).toContain('1 of 1 site announce normally')
  const row = terminal.lines.find((line) => line.includes('fra1-a  '))
  expect(row).toMatch(/…$/)
  controller.service = bad
  await expect.poll(() => terminal.text, slow).toMatch(/^! fra1|! {2}fra1/m)
})

/** The command on a pipe, until its output has what is waited for; then Ctrl-C. */
async function onPipe(args: string[], steps: (output: () => string, errors: () => string) => Promise<void>) {
  const [file, ...rest] = watch(...args)
  const child = execa(file!, rest, { reject: false, stdin: 'ignore', env: { TERM: 'xterm' } })
  const [output, errors] = [child.stdout, child.stderr].map((stream) => {
    let text = ''
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    return () => text
  })
  try {
    await steps(output!, errors!)
  } finally {
    child.kill('SIGINT')
  }
  return child
}

test('without a terminal the status is printed again only when something has changed, each with its time', async () => {
  const { stdout, exitCode } = await onPipe([], async (output) => {
    await expect.poll(output, slow).toContain('vpn: healthy')
    const asked = controller.asked
    await expect.poll(() => controller.asked, slow).toBeGreaterThan(asked + 2)
    controller.service = bad
    await expect.poll(output, slow).toContain('vpn: unhealthy')
    await controller.stop()
    await expect.poll(output, slow).toContain('no answer since')
  })
  expect(exitCode).toBe(0)
  expect(stdout.match(/^at 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/gm)).toHaveLength(2)
  expect(stdout.match(/no answer since/g)).toHaveLength(1)
  expect(stdout).not.toContain('\u001b')
})

test('with --json each change is one document on one line, and a controller that is gone is reported on stderr', async () => {
  const { stdout, exitCode } = await onPipe(['--json'], async (output, errors) => {
    await expect.poll(output, slow).toContain('"healthy"')
    controller.service = bad
    await expect.poll(output, slow).toContain('"unhealthy"')
    await controller.stop()
    await expect.poll(errors, slow).toContain('no answer since')
    await controller.start()
    await expect.poll(() => output().split('\n').length, slow).toBe(4)
  })
  expect(exitCode).toBe(0)
  const documents = stdout.split('\n').map((line) => JSON.parse(line) as NodeStatus)
  expect(documents.map(({ services }) => services[0]!.health)).toEqual(['healthy', 'unhealthy', 'unhealthy'])
})

test('it ends when the reader of its output has gone', async () => {
  const [file, ...rest] = watch()
  const shell = [file, ...rest].map((word) => `'${word}'`).join(' ')
  const child = execa('sh', ['-c', `${shell} | head -1`], { timeout: patience(40_000) })
  await expect.poll(() => controller.asked, slow).toBeGreaterThan(0)
  controller.service = bad
  expect((await child).stdout).toMatch(/^at /)
})
