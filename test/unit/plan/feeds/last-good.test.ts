import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readLastGood, writeLastGood } from '../../../../src/plan/feeds/last-good.ts'

let stateDir: string
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'anyward-last-good-'))
})
afterEach(() => rm(stateDir, { recursive: true, force: true }))

const onlyFile = async () => {
  const [name, ...others] = await readdir(join(stateDir, 'last-good'))
  expect(others).toEqual([])
  return join(stateDir, 'last-good', name!)
}

describe('the last good copy', () => {
  test('does not exist at first, also without its folder', async () => {
    expect(await readLastGood(join(stateDir, 'none'), 'AS-EXAMPLE')).toEqual({ found: false, note: null })
  })

  test('is read unchanged, with the time at which it was stored', async () => {
    const text = 'first line\nsecond: €\n'
    await writeLastGood(stateDir, 'AS-EXAMPLE', text, 1000)
    expect(await readLastGood(stateDir, 'AS-EXAMPLE')).toEqual({ found: true, text, savedAtMs: 1000 })
  })

  test('is replaced by a later one', async () => {
    await writeLastGood(stateDir, 'AS-EXAMPLE', 'old', 1000)
    await writeLastGood(stateDir, 'AS-EXAMPLE', 'new', 2000)
    expect(await readLastGood(stateDir, 'AS-EXAMPLE')).toEqual({ found: true, text: 'new', savedAtMs: 2000 })
    await onlyFile()
  })

  test('is separate for each name, also for similar names and names that point outside the folder', async () => {
    const names = ['AS1:AS-X', 'AS1-AS-X', 'AS1/AS-X', '../../AS1', `AS-${'X'.repeat(300)}`]
    for (const name of names) await writeLastGood(stateDir, name, name, 1)
    for (const name of names) {
      expect(await readLastGood(stateDir, name)).toEqual({ found: true, text: name, savedAtMs: 1 })
    }
    expect(await readdir(stateDir)).toEqual(['last-good'])
  })

  const damages: readonly [string, (path: string, content: string) => Promise<void>][] = [
    ['truncated', (path) => truncate(path, 180)],
    ['empty', (path) => truncate(path, 0)],
    ['altered', (path, content) => writeFile(path, content.replace('192.0.2.0', '192.0.3.0'))],
    ['not valid in its first line', (path, content) => writeFile(path, `x${content}`)],
    ['of another version', (path, content) => writeFile(path, content.replace('last-good 1', 'last-good 2'))],
    ['that of another name', (path, content) => writeFile(path, content.replace('AS-EXAMPLE', 'AS-SOMEONE'))],
  ]
  test.each(damages)('that is %s is renamed once, with a note', async (_, damage) => {
    await writeLastGood(stateDir, 'AS-EXAMPLE', '192.0.2.0/24\n'.repeat(10), 1000)
    const path = await onlyFile()
    await damage(path, await readFile(path, 'utf8'))
    expect(await readLastGood(stateDir, 'AS-EXAMPLE')).toEqual({
      found: false,
      note: `the last good copy was damaged; it is now ${path}.damaged`,
    })
    expect(await readLastGood(stateDir, 'AS-EXAMPLE')).toEqual({ found: false, note: null })
    expect(await onlyFile()).toBe(`${path}.damaged`)
  })
})
