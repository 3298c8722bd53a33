import { renameSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeFileAtomically, writeTemporarySync } from '../../../src/files/atomic-file.ts'

let dir: string
let path: string
const umask = process.umask()
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atomic-'))
  path = join(dir, 'file')
  await writeFile(path, 'old')
})
afterEach(async () => {
  process.umask(umask)
  await rm(dir, { recursive: true })
})

async function modeOf(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o7777).toString(8)
}

test('a file gets exactly the mode that is asked for, and 644 less the umask otherwise', async () => {
  process.umask(0o027)
  await writeFileAtomically(path, 'new', { mode: 0o646 })
  expect(await modeOf(path)).toBe('646')
  await writeFileAtomically(path, 'newer')
  expect(await modeOf(path)).toBe('640')
  for (const [options, mode] of [
    [{ mode: 0o646 }, '646'],
    [{}, '640'],
  ] as const) {
    const temporary = writeTemporarySync(path, 'newest', options)
    expect(await modeOf(temporary)).toBe(mode)
    renameSync(temporary, path)
  }
  expect(await readFile(path, 'utf8')).toBe('newest')
})

test('a link at the temporary name is replaced, and its target is not written', async () => {
  const victim = join(dir, 'victim')
  await writeFile(victim, 'whole')
  const planted = [join(dir, '.mine'), join(dir, `.${process.pid}.file.tmp`)]
  for (const link of planted) await symlink(victim, link)
  await writeFileAtomically(path, 'first', { temporaryName: '.mine', flushFolder: true })
  await writeFileAtomically(path, 'second')
  await symlink(victim, planted[1]!)
  renameSync(writeTemporarySync(path, 'third', { flush: true }), path)
  expect(await readFile(path, 'utf8')).toBe('third')
  expect(await readFile(victim, 'utf8')).toBe('whole')
  expect((await readdir(dir)).toSorted()).toEqual(['file', 'victim'])
})

test('a stale write changes nothing and leaves nothing behind', async () => {
  expect(await writeFileAtomically(path, 'new', { isStale: () => true })).toBe(false)
  expect(await readFile(path, 'utf8')).toBe('old')
  expect(await readdir(dir)).toEqual(['file'])
})

test('a write that fails leaves nothing behind', async () => {
  const folder = join(dir, 'folder')
  await mkdir(join(folder, 'full'), { recursive: true })
  await expect(writeFileAtomically(folder, 'text')).rejects.toThrow(/EISDIR|ENOTEMPTY/)
  await expect(writeFileAtomically(join(path, 'below'), 'text')).rejects.toThrow('ENOTDIR')
  expect(() => writeTemporarySync(join(path, 'below'), 'text')).toThrow('ENOTDIR')
  expect((await readdir(dir)).toSorted()).toEqual(['file', 'folder'])
})
