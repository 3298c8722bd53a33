import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readEvents } from '../../../src/telemetry/read-events.ts'
import { RecentEvents } from '../../../src/telemetry/recent-events.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
})
afterEach(() => rm(dir, { recursive: true }))

const eventAt = (at: number, message = `event ${at}`) => ({
  time: new Date(1_700_000_000_000 + at).toISOString(),
  level: 'info' as const,
  event: 'decision',
  service: 'vpn',
  message,
  secretFact: 'not shown',
})

describe('recent events', () => {
  test('are the last 200, with nothing but what is shown, and counted', () => {
    const recent = new RecentEvents()
    for (let at = 0; at < 250; at += 1) recent.add(eventAt(at, at === 249 ? 'x'.repeat(10_000) : undefined))
    expect(recent.count).toBe(250)
    expect(recent.list()).toHaveLength(200)
    const { secretFact: _, ...shown } = eventAt(50)
    expect(recent.list()[0]).toEqual(shown)
    expect(recent.list().at(-1)?.message).toHaveLength(500)
  })

  test('begin with those of the controller before, without damaged lines', async () => {
    const lines = ['{"torn":', '[]', 'null', '{"time":1}', ...[1, 2].map((at) => JSON.stringify(eventAt(at)))]
    await writeFile(join(dir, 'events.jsonl'), `${lines.join('\n')}\n`)
    const recent = new RecentEvents()
    recent.add(eventAt(3))
    await recent.restore(dir)
    expect(recent.list().map(({ message }) => message)).toEqual(['event 1', 'event 2', 'event 3'])
    expect(recent.count).toBe(3)
  })

  test('are read from the end of a large file', async () => {
    const lines = Array.from({ length: 20_000 }, (_, at) => JSON.stringify(eventAt(at)))
    await writeFile(join(dir, 'events.jsonl'), `${lines.join('\n')}\n`)
    const recent = new RecentEvents()
    await recent.restore(dir)
    expect(recent.list()).toHaveLength(200)
    expect(recent.list().at(-1)?.message).toBe('event 19999')
  })

  test('are not read of what is no file', async () => {
    await execa('mkfifo', [join(dir, 'events.jsonl')])
    const recent = new RecentEvents()
    await recent.restore(dir)
    expect(recent.list()).toEqual([])
    await expect(readEvents(dir, { from: null, to: null, service: null })).rejects.toThrow('regular file')
  })

  test('need no file', async () => {
    const recent = new RecentEvents()
    await recent.restore(join(dir, 'missing'))
    expect(recent.list()).toEqual([])
  })
})
