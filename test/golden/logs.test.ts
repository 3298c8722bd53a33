import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readLogEvents } from './log-events.ts'
import { readLogTables } from './log-tables.ts'

const documented = await readLogTables()
const logged = await readLogEvents()

test('docs/logs.md lists every event that the source logs, and no other', () => {
  const names = (of: readonly { program: string; event: string }[]) =>
    of.map(({ program, event }) => `${program}: ${event}`).sort()
  expect(logged.length).toBeGreaterThan(50)
  expect(names(documented)).toEqual(names(logged))
})

test.each(documented.map((row) => [`${row.program}: ${row.event}`, row] as const))(
  'the fields of %s are those that the source logs',
  async (_name, { program, event, fields }) => {
    const found = logged.find((one) => one.program === program && one.event === event)!
    expect([...found.fields].filter((field) => !fields.has(field))).toEqual([])
    // What is spread into the facts is checked in the lines of a real fleet: test/e2e/controller/logs.test.ts.
    const others = [...fields].filter((field) => !found.fields.has(field))
    if (!found.isOpen) expect(others).toEqual([])
  },
)

test('the example line has the fields of its event', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/logs.md'), 'utf8')
  const example = JSON.parse(/```json\n(.*)\n```/.exec(text)![1]!) as Record<string, unknown>
  const { fields } = documented.find(({ event }) => event === example.event)!
  const common = ['level', 'time', 'node', 'site', 'event', 'message']
  expect(Object.keys(example).filter((key) => !common.includes(key) && !fields.has(key))).toEqual([])
})
