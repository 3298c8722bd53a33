import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFolder, makeFolderSync } from '../../../src/files/make-folder.ts'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'folder-'))
})
afterAll(() => rm(dir, { recursive: true }))

const bothWays: Record<string, (path: string) => Promise<void>> = {
  makeFolder: (path) => makeFolder(path),
  makeFolderSync: async (path) => makeFolderSync(path),
}

test.each(Object.entries(bothWays))('%s creates a folder with its parents, once', async (name, make) => {
  const path = join(dir, name, 'a', 'b')
  await make(path)
  await make(path)
  expect((await stat(path)).isDirectory()).toBe(true)
  await writeFile(join(path, 'file'), '')
  await expect(make(join(path, 'file'))).rejects.toThrow('EEXIST')
})

test.runIf(process.platform === 'linux').each(Object.entries(bothWays))(
  '%s fails at once where no folder can be created',
  async (_name, make) => {
    await expect(make('/proc/nowhere/below')).rejects.toThrow('ENOENT')
  },
)
