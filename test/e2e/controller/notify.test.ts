import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSupervisor } from '../../../src/node/guard/notify.ts'
import { until } from '../fixtures/routing/until.ts'

const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 4)
    for fd in fds: socket.close(fd)
    for line in data.decode().split('\\n'):
        if line: print(line, flush=True)
`
let folder: string
let supervisor: ReturnType<typeof spawn>
const heard: string[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-notify-'))
  supervisor = spawn('python3', ['-c', listener, join(folder, 's')], { stdio: ['ignore', 'pipe', 'inherit'] })
  heard.length = 0
  createInterface({ input: supervisor.stdout! }).on('line', (line) => heard.push(line))
  await until('the supervisor listens', async () => (heard.includes('bound') ? null : 'not yet'))
  process.env.NOTIFY_SOCKET = join(folder, 's')
})
afterEach(async () => {
  delete process.env.NOTIFY_SOCKET
  supervisor.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

test('the supervisor receives ready, status and watchdog messages on its datagram socket', async () => {
  const environment = { ...process.env, WATCHDOG_USEC: '9000000' }
  const supervisor = createSupervisor(environment, pino({ enabled: false }))!
  expect(supervisor.intervalMs).toBe(3000)
  supervisor.ready()
  supervisor.say('announced:\n vpn')
  supervisor.alive()
  supervisor.stopping()
  const words = ['READY=1', 'STATUS=announced: vpn', 'WATCHDOG=1', 'STOPPING=1']
  await until('all of it', async () => (words.every((word) => heard.includes(word)) ? null : heard.join()))
})

test('without NOTIFY_SOCKET there is no supervisor', () => {
  expect(createSupervisor({}, pino({ enabled: false }))).toBeNull()
})

test('a supervisor that does not answer is logged once', async () => {
  const lines: string[] = []
  const log = pino({ messageKey: 'message' }, { write: (line: string) => void lines.push(line) })
  const supervisor = createSupervisor({ NOTIFY_SOCKET: join(folder, 'none') }, log, async () => {
    throw new Error('no such socket')
  })!
  supervisor.ready()
  await until('the failure is logged', async () => (lines.length > 0 ? null : 'not yet'))
  for (let at = 0; at < 5; at += 1) {
    supervisor.alive()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(lines.length).toBe(1)
  expect(lines[0]).toContain('the state cannot be reported to the supervisor: no such socket')
})
