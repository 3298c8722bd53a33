import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { neighborKinds } from '../../src/manifest/words.ts'
import { importLimits, importsByKind, rolesByKind } from '../../src/plan/sites/fleet.ts'
import { describeFields } from '../../src/plan/sites/schema/reference.ts'

const file = join(import.meta.dirname, '../../docs/sites.md')

test('the reference of every field in docs/sites.md matches the schema', async () => {
  const text = await readFile(file, 'utf8')
  const begin = '<!-- fields: begin -->\n'
  const end = '<!-- fields: end -->\n'
  const parts = text.split(begin)
  const [before, rest] = parts
  const after = rest?.split(end)[1]
  expect(parts.length === 2 && after !== undefined).toBe(true)
  const fields = `${describeFields('fleet')}\n${describeFields('site')}`
  await expect(`${before}${begin}\n${fields}\n${end}${after}`).toMatchFileSnapshot(file)
})

test.each(neighborKinds)('the defaults of kind %s in docs/sites.md match the fleet', async (kind) => {
  const text = await readFile(file, 'utf8')
  const words = (list: readonly string[]) => list.map((word) => `\`${word}\``).join(', ')
  const { ipv4, ipv6 } = importLimits[kind]
  const limits = importsByKind[kind].includes('full') ? `${ipv4}, ${ipv6}` : ''
  const row = ['', `\`${kind}\``, words(importsByKind[kind]), limits, words(rolesByKind[kind]), ''].join(
    ' | ',
  )
  expect(text.replaceAll(/ +/g, ' ')).toContain(row.trim().replaceAll(/ +/g, ' '))
})
