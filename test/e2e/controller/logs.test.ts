import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { readLogTables } from '../../golden/log-tables.ts'
import { patience } from '../../patience.ts'
import { cli, type Lab, labDown, labUp } from '../fixtures/lab/lab.ts'
import { LiveTerminal } from '../fixtures/terminal/live-terminal.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const labDir = '/run/anyward-lab'
let dir: string
let lab: Lab

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'logs-'))
  lab = await labUp('test/e2e/fixtures/fleet')
}, patience(120_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true })
}, patience(60_000))

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}

const common = new Set(['level', 'time', 'node', 'site', 'program', 'pid', 'event', 'message'])

test('the lines of a fleet with faults are JSON with the documented fields, and no line has a secret', async () => {
  const faults = ['wrong-key', 'drain']
  const run = await execa(process.execPath, [cli, 'lab', 'run', '--running', ...faults], { reject: false })
  expect(run.exitCode, run.stderr).toBe(0)
  const files = await filesBelow(labDir)
  const logs = await Promise.all(
    files.filter((file) => file.endsWith('.log')).map((file) => readFile(file, 'utf8')),
  )
  const text = logs.join('\n')
  const lines = text.split('\n').filter((line) => line.startsWith('{"level"'))
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const tables = (await readLogTables()).filter(({ program }) => program === 'node')
  const unknown = events.flatMap(({ event, ...rest }) => {
    const row = tables.find((one) => one.event === event)
    return Object.keys(rest).flatMap((key) =>
      common.has(key) || row?.fields.has(key) ? [] : [`${event}: ${key}`],
    )
  })
  expect([...new Set(unknown)]).toEqual([])
  for (const { time, message } of events) {
    expect(time).toEqual(expect.any(Number))
    expect(message).toEqual(expect.any(String))
  }
  const seen = new Set(events.map(({ event }) => event))
  for (const event of ['start', 'decision', 'verified', 'probe', 'session', 'operator', 'guard'])
    expect(seen).toContain(event)

  // The private keys of the lab: of its servers, its probes and its clients.
  const secrets: string[] = []
  for (const file of files) {
    const content = await readFile(file, 'utf8').catch(() => '')
    if (/^[A-Za-z0-9+/]{43}=\s*$/.test(content)) secrets.push(content.trim())
    secrets.push(...[...content.matchAll(/PrivateKey = (\S+)/g)].map(([, key]) => key!))
  }
  expect(new Set(secrets).size).toBeGreaterThan(2)
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
})

test('a watch of a real controller prints a document for each stage of a drain, and few others', async () => {
  const node = ['--node', lab.nodes[0]!.name]
  const watch = execa(process.execPath, [cli, 'status', '--watch', '--json', ...node], { reject: false })
  let text = ''
  watch.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const documents = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as NodeStatus)
  const stages = () => documents().map(({ services }) => services[0]!.drain.stage)
  try {
    await expect.poll(stages, { timeout: patience(20_000) }).toEqual(['none'])
    await execa(process.execPath, [cli, 'drain', '--no-wait', ...node])
    await expect.poll(stages, { timeout: patience(60_000) }).toContain('drained')
    await execa(process.execPath, [cli, 'undrain', '--no-wait', ...node])
    await expect.poll(() => stages().at(-1), { timeout: patience(60_000) }).toBe('none')
  } finally {
    watch.kill('SIGINT')
  }
  expect((await watch).exitCode).toBe(0)
  // Measurements change every second, and are no change.
  expect(documents().length).toBeLessThan(15)
})

const planOnce = (...more: string[]) => [
  ...[process.execPath, join(root, 'dist/cli/main.js'), 'planner', '--once', '--no-check'],
  ...['--sites', join(root, 'sites'), '--out', join(dir, 'out'), '--state', join(dir, 'state'), ...more],
]

test('on a terminal a line is for a person, and with NO_COLOR it has no color', async () => {
  await using colored = await LiveTerminal.start(planOnce(), { columns: 200, rows: 40, env: { CI: 'true' } })
  expect(await colored.end()).toBe(0)
  expect(colored.text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: planned, and written \{.*"bundles":3/m)
  expect(colored.written).toContain('\u001b[32mINFO')
  await using without = await LiveTerminal.start(planOnce(), {
    columns: 200,
    rows: 40,
    env: { NO_COLOR: '1' },
  })
  expect(await without.end()).toBe(0)
  expect(without.text).toContain('INFO: planned, and nothing changes')
  expect(without.written).not.toContain('\u001b')
})

test('without a terminal the same line is JSON', async () => {
  const [file, ...args] = planOnce()
  const { stderr } = await execa(file!, args, { env: { FORCE_COLOR: '1' } })
  const events = stderr.split('\n').map((line) => (JSON.parse(line) as { event: string }).event)
  expect(events).toContain('planned')
})

test('rsyslog forwards the lines with their level as severity, as templates/logs/rsyslog.conf says', async () => {
  let received = ''
  const server = createServer((socket) =>
    socket.on('data', (chunk: Buffer) => (received += chunk.toString())),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const template = await readFile(join(root, 'templates/logs/rsyslog.conf'), 'utf8')
  const config = template.replace(
    'target="logs.example.net" port="6514"',
    `target="127.0.0.1" port="${port}"`,
  )
  expect(config).not.toBe(template)
  const head = `global(workDirectory="${dir}")\nmodule(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="5514")\n`
  await writeFile(join(dir, 'rsyslog.conf'), head + config)
  const daemon = execa('rsyslogd', ['-n', '-f', join(dir, 'rsyslog.conf'), '-i', join(dir, 'rsyslog.pid')], {
    reject: false,
  })
  const sender = createSocket('udp4')
  try {
    const line = {
      level: 'warn',
      time: 1764529203112,
      node: 'fra1-a',
      event: 'decision',
      message: 'vpn: withdraw',
    }
    const of = (program: string) => `<30>Nov 30 12:00:03 fra1-a ${program}[42]: ${JSON.stringify(line)}`
    await expect
      .poll(
        () => {
          for (const program of ['other', 'anyward']) sender.send(of(program), 5514, '127.0.0.1')
          return received
        },
        { timeout: patience(20_000) },
      )
      .toMatch(/^<28>1 \d{4}-11-30T12:00:03\S* fra1-a anyward 42 decision - \{"level": ?"warn"/m)
    expect(received).not.toContain('other')
  } finally {
    sender.close()
    daemon.kill('SIGKILL')
    await daemon
    server.close()
  }
})
