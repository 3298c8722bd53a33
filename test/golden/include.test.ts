import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { birdErrors } from '../bird-errors.ts'

const include = 'include "/run/anywar[d]/announce.con[f]";'

test('BIRD accepts a configuration although the folder of the controller’s file does not exist yet', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'include-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  const text = await readFile('test/golden/example/out/fra1/fra1-a/bird.conf', 'utf8')
  expect(text).toContain(include)
  const parse = async (pattern: string) => {
    const file = join(dir, 'bird.conf')
    await writeFile(file, text.replace(include, `include "${join(dir, pattern)}";`))
    const { stderr } = await execa('bird', ['-p', '-c', file], { reject: false })
    return birdErrors(stderr)
  }
  expect(await parse('missin[g]/announce.con[f]')).toBe('')
  // The reason for the first bracket.
  expect(await parse('missing/announce.con[f]')).toContain('Unable to match pattern')
})
