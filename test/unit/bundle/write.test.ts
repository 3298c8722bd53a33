import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { writeBundles } from '../../../src/bundle/write.ts'

async function makeDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-write-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  return dir
}

const bundle = (dir: string) => ({
  dir,
  files: [{ path: 'bird.conf', content: 'new' }],
  obsolete: ['frr.conf'],
})

test('no file of a bundle is in its place before the last bundle is staged', async () => {
  const dir = await makeDir()
  await writeFile(join(dir, 'bird.conf'), 'old')
  await writeFile(join(dir, 'frr.conf'), 'old')
  await writeBundles(async (stage) => {
    stage(bundle(dir))
    expect(await readFile(join(dir, 'bird.conf'), 'utf8')).toBe('old')
    expect(await readdir(dir)).toContain('frr.conf')
  })
  expect(await readdir(dir)).toEqual(['bird.conf'])
  expect(await readFile(join(dir, 'bird.conf'), 'utf8')).toBe('new')
})

test('a failure after some bundles are staged leaves every file as it was, and no temporary one', async () => {
  const dir = await makeDir()
  await writeFile(join(dir, 'bird.conf'), 'old')
  await writeFile(join(dir, 'frr.conf'), 'old')
  const writing = writeBundles(async (stage) => {
    stage(bundle(dir))
    throw new Error('the next node cannot be rendered')
  })
  await expect(writing).rejects.toThrow('the next node cannot be rendered')
  expect((await readdir(dir)).sort()).toEqual(['bird.conf', 'frr.conf'])
  expect(await readFile(join(dir, 'bird.conf'), 'utf8')).toBe('old')
})
