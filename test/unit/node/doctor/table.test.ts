import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checks } from '../../../../src/node/doctor/checks/checks.ts'

test('docs/doctor.md has a row for each check, in the order of the findings', () => {
  const text = readFileSync('docs/doctor.md', 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \| (.*?) \|/gm)].map(([, name, reads]) => ({ name, reads }))
  expect(rows.filter(({ name }) => name !== 'bundle')).toEqual(
    checks.map(({ name, reads }) => ({ name, reads })),
  )
})
