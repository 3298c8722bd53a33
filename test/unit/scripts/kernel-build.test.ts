import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kernel-build-'))
})
afterEach(() => rm(dir, { recursive: true }))

/** Another folder, because the script must not depend on where it is started. */
const build = (ANYWARD_KERNEL: string) =>
  execa(join(process.cwd(), 'scripts/kernel/build'), {
    cwd: dir,
    reject: false,
    stdin: 'ignore',
    env: { ANYWARD_KERNEL, XDG_CACHE_HOME: join(dir, 'cache') },
  })

describe('scripts/kernel/build, with ANYWARD_KERNEL', () => {
  test('prints the path of a program', async () => {
    const program = join(dir, 'linux')
    await writeFile(program, '#!/bin/sh\n', { mode: 0o755 })
    expect(await build('linux')).toMatchObject({ exitCode: 0, stdout: program })
  })

  test('unpacks a packed program once, into the cache', async () => {
    const program = join(dir, 'linux')
    await writeFile(program, '#!/bin/sh\necho it runs\n', { mode: 0o644 })
    await execa('xz', [program])
    const { stdout } = await build(`${program}.xz`)
    expect(stdout.startsWith(join(dir, 'cache/anyward/kernel/given-'))).toBe(true)
    expect((await execa(stdout)).stdout).toBe('it runs')
    expect((await build(`${program}.xz`)).stdout).toBe(stdout)
  })

  test('refuses a file that cannot be read, with the cure', async () => {
    await mkdir(join(dir, 'cache'))
    const { exitCode, stdout, stderr } = await build('/nowhere/linux')
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toBe(
      'kernel: ANYWARD_KERNEL=/nowhere/linux cannot be read.\n        Set it to a user-mode Linux, or unset it to build one.',
    )
  })
})
