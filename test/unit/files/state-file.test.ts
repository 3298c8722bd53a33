import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { StateProblem } from '../../../src/files/state-file.ts'
import { operatorFile } from '../../../src/node/state/node-state.ts'

let dir: string
let problems: StateProblem[]
const drained = {
  format: 1,
  operator: { intent: 'drain', reason: 'disk', since: 5, until: null },
} as const
const serving = {
  format: 1,
  operator: { intent: 'serve', reason: null, since: 7, until: null },
} as const

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-state-'))
  problems = []
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(dir, { recursive: true, force: true })
})

const open = (folder = dir) => operatorFile(folder, (problem) => problems.push(problem))
const kinds = () => problems.map(({ kind }) => kind)

test('saved state is read by the next controller', async () => {
  await open().save(drained)
  expect(await open().load()).toEqual(drained)
  expect(problems).toEqual([])
})

test('without a file the state is empty, and nothing is logged', async () => {
  expect(await open().load()).toBeNull()
  expect(problems).toEqual([])
})

test.each([
  ['a truncated file', '{"format":1,"operator":{"int'],
  ['an empty file', ''],
  ['a file of a later version', '{"format":2,"operator":{}}'],
  ['a file with an unknown key', JSON.stringify({ ...drained, more: 1 })],
  [
    'an end outside the range of a date',
    JSON.stringify({ ...drained, operator: { ...drained.operator, until: 1e300 } }),
  ],
])('%s is renamed and logged', async (_what, text) => {
  await writeFile(join(dir, 'operator.json'), text)
  expect(await open().load()).toBeNull()
  expect(kinds()).toEqual(['damaged'])
  expect(await readdir(dir)).toEqual(['operator.json.damaged'])
  expect(await readFile(join(dir, 'operator.json.damaged'), 'utf8')).toBe(text)
  await open().save(serving)
  expect(await open().load()).toEqual(serving)
})

test('after many values in a row the last one is on the disk', async () => {
  const file = open()
  await Promise.all([file.save(drained), file.save(serving), file.save(drained), file.save(serving)])
  expect(await open().load()).toEqual(serving)
  expect(await readdir(dir)).toEqual(['operator.json'])
})

test('failure 21: a failed save is logged once, retried, and logged when it succeeds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const later = join(dir, 'later')
  const file = open(later)
  await expect(file.save(drained)).rejects.toThrow('cannot be written (ENOENT)')
  await expect(file.save(serving)).rejects.toThrow('cannot be written (ENOENT)')
  expect(kinds()).toEqual(['unsaved'])
  await mkdir(later)
  await vi.advanceTimersByTimeAsync(5000)
  vi.useRealTimers()
  await expect.poll(kinds).toEqual(['unsaved', 'saved-again'])
  expect(await open(later).load()).toEqual(serving)
})

test('a value replaced by another process is written again', async () => {
  const controller = open()
  await controller.save(serving)
  await open().save(drained)
  await controller.save(serving)
  expect(await open().load()).toEqual(serving)
})
