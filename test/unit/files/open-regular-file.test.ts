import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRegularFile, readRegularFile } from '../../../src/files/open-regular-file.ts'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'open-'))
  await writeFile(join(dir, 'file'), 'text')
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function read(name: string): Promise<string | null> {
  const file = await openRegularFile(join(dir, name))
  if (file === null) return null
  const text = `${file.path.slice(dir.length + 1)}: ${await file.handle.readFile('utf8')}`
  await file.handle.close()
  return text
}

test('a file is read, and a missing one is null', async () => {
  expect(await read('file')).toBe('file: text')
  expect(await read('missing')).toBe(null)
})

test('a symbolic link of this user is followed', async () => {
  await symlink(join(dir, 'file'), join(dir, 'link'))
  expect(await read('link')).toBe('file: text')
})

test('a named pipe and a folder are refused at once', async () => {
  await execa('mkfifo', [join(dir, 'pipe')])
  await expect(read('pipe')).rejects.toThrow(/pipe is not a regular file: remove it/)
  await expect(read('.')).rejects.toThrow('is not a regular file')
})

test('no more is read into memory than asked for', async () => {
  expect(await readRegularFile(join(dir, 'file'), 4)).toBe('text')
  expect(await readRegularFile(join(dir, 'missing'), 4)).toBeNull()
  await expect(readRegularFile(join(dir, 'file'), 3)).rejects.toThrow('has 4 bytes: at most 3 are read')
})
