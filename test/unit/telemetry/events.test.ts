import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock/clock.ts'
import { createEventLog, eventsName, keptFiles } from '../../../src/telemetry/events.ts'
import { readEvents } from '../../../src/telemetry/read-events.ts'

let dir: string
let now: number
let problems: string[]
const all = { from: null, to: null, service: null }

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-events-'))
  now = Date.UTC(2026, 10, 23, 3, 12)
  problems = []
})
afterEach(() => rm(dir, { recursive: true, force: true }))

function start(options: { maxBytes?: number; retryMs?: number; dir?: string } = {}) {
  return createEventLog({
    dir,
    clock: { ...systemClock, wall: () => now },
    onProblem: ({ code }) => problems.push(code ?? ''),
    ...options,
  })
}

test('recorded events are read in order, by time and by service', async () => {
  const log = start()
  log.record('warn', { event: 'decision', service: 'vpn', reason: 'no-reply' }, 'vpn: withdraw')
  now += 60_000
  log.record('warn', { event: 'session', neighbor: 'transit1' }, 'the session to transit1 is down')
  now += 60_000
  log.record('info', { event: 'decision', service: 'other' }, 'other: announce')
  await log.end()
  const { events, damagedLines } = await readEvents(dir, all)
  expect(damagedLines).toBe(0)
  expect(events).toMatchObject([
    {
      time: '2026-11-23T03:12:00.000Z',
      level: 'warn',
      event: 'decision',
      service: 'vpn',
      reason: 'no-reply',
    },
    { event: 'session', neighbor: 'transit1' },
    { event: 'decision', service: 'other', message: 'other: announce' },
  ])
  const later = await readEvents(dir, { ...all, from: now - 60_000 })
  expect(later.events.map(({ message }) => message)).toEqual([
    'the session to transit1 is down',
    'other: announce',
  ])
  const ofVpn = await readEvents(dir, { from: null, to: now - 60_000, service: 'vpn' })
  expect(ofVpn.events.map(({ event }) => event)).toEqual(['decision', 'session'])
})

test('the files are rotated, the latest are kept, and no line is lost in between', async () => {
  const log = start({ maxBytes: 2000 })
  for (let count = 0; count < 300; count += 1) {
    now += 60_000
    log.record('info', { event: 'test', count }, 'x'.repeat(50))
  }
  await log.end()
  const names = await readdir(dir)
  expect(names).toHaveLength(keptFiles + 1)
  for (const name of names) expect((await readFile(join(dir, name))).length).toBeLessThanOrEqual(20_000)
  const counts = (await readEvents(dir, all)).events.map(({ count }) => count as number)
  expect(counts.at(-1)).toBe(299)
  expect(counts).toEqual(counts.map((_, index) => counts[0]! + index))
})

test('repeated events are counted, and do not displace single ones', async () => {
  const log = start()
  log.record('info', { event: 'start' }, 'starts')
  for (let count = 0; count < 1000; count += 1) {
    now += 1
    log.record('warn', { event: 'probe', service: 'vpn', cause: 'no-reply' }, 'bad')
  }
  now += 600_000
  log.record('warn', { event: 'probe', service: 'vpn', cause: 'no-reply' }, 'bad again')
  await log.end()
  const { events } = await readEvents(dir, all)
  expect(events.length).toBeLessThan(50)
  expect(events[0]).toMatchObject({ event: 'start' })
  const last = events.at(-1)!
  expect(last).toMatchObject({ message: 'bad again' })
  expect(events.filter(({ event }) => event === 'probe').length + (last.leftOut as number)).toBe(1001)
})

test('the end of a burst is recorded, with the number of events left out', async () => {
  const log = start()
  for (let count = 0; count < 100; count += 1) {
    now += 1
    log.record('info', { event: 'decision', service: 'vpn' }, `decision ${count}`)
  }
  await log.end()
  const { events } = await readEvents(dir, all)
  const last = events.at(-1)!
  expect(last.message).toBe('decision 99')
  expect(events.length + (last.leftOut as number)).toBe(100)
})

test('failure 21: events that cannot be written are kept, reported once, and written when it is possible', async () => {
  const later = join(dir, 'later')
  const log = start({ dir: later, retryMs: 20 })
  log.record('info', { event: 'start' }, 'starts')
  await expect.poll(() => problems).toEqual(['ENOENT'])
  log.record('info', { event: 'stop' }, 'stops')
  await mkdir(later)
  await expect.poll(async () => (await readEvents(later, all)).events.length).toBe(2)
  expect(problems).toEqual(['ENOENT'])
  await log.end()
})

test('a line truncated by a power failure is the only one lost', async () => {
  await writeFile(join(dir, eventsName), '{"time":"2026-11-23T03:1')
  const log = start()
  log.record('info', { event: 'start' }, 'starts')
  await log.end()
  await appendFile(join(dir, eventsName), '[1,2]\nnull\n')
  const { events, damagedLines } = await readEvents(dir, all)
  expect(events.map(({ event }) => event)).toEqual(['start'])
  expect(damagedLines).toBe(3)
})

test('without a file there are no events', async () => {
  await chmod(dir, 0o755)
  expect(await readEvents(dir, all)).toEqual({ events: [], damagedLines: 0 })
})

test('a symbolic link in place of the file is not followed, and is reported', async () => {
  const target = join(dir, 'target')
  await writeFile(target, '')
  await symlink(target, join(dir, eventsName))
  const log = start()
  log.record('info', { event: 'start' }, 'the controller starts')
  await log.end()
  expect(problems).toEqual(['ELOOP'])
  expect(await readFile(target, 'utf8')).toBe('')
})
