import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const rows = readFileSync(join(root, 'docs/failures.md'), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, number]) => /^\d+$/.test(number ?? ''))

test('the failures are listed in order, each once', () => {
  expect(rows.map(([, number]) => Number(number))).toEqual(
    Array.from({ length: 29 }, (_, index) => index + 1),
  )
})

describe.each(rows.map(([, number, , , files]) => ({ number, files: files! })))('failure $number', (row) => {
  test('has a test of its name in each file that it names', () => {
    const files = [...row.files.matchAll(/`([^`]+)`/g)].map(([, file]) => file!)
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const text = readFileSync(join(root, `test/e2e/${file}.test.ts`), 'utf8')
      expect.soft(text, file).toMatch(new RegExp(`\\(\\s*['"]failure ${row.number}: `))
    }
  })
})
