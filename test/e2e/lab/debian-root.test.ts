import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let dir: string
/** A checkout with the test scripts of this one, and a test in three folders. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'debian-root-'))
  for (const copied of ['scripts/test', 'scripts/testing', 'scripts/versions'])
    await cp(copied, join(dir, copied), { recursive: true })
  await symlink(join(process.cwd(), 'node_modules'), join(dir, 'node_modules'))
  const script = (text: string) => ({ text: `#!/bin/sh\n${text}\n`, mode: 0o755 })
  const projects = ['unit', 'golden', 'e2e', 'proof']
  // Read, but empty.
  await mkdir(join(dir, 'test/proof'), { recursive: true })
  const files = {
    'package.json': {
      text: JSON.stringify({ type: 'module', scripts: { check: 'vitest run --project unit' } }),
    },
    'vitest.config.js': {
      text: `export default { test: { projects: ${JSON.stringify(projects)}.map((name) => ({
        test: { name, include: ['test/' + name + '/*.test.ts'] },
      })) } }\n`,
    },
    ...Object.fromEntries(
      projects
        .slice(0, -1)
        .map((name) => [
          `test/${name}/one.test.ts`,
          { text: "import { test } from 'vitest'\ntest('one', () => {})\n" },
        ]),
    ),
    'scripts/install': script('exit 0'),
    // No package can be had, nor a mirror reached.
    'programs/apt-get': script('echo no package >&2; exit 100'),
    'programs/mmdebstrap': script('echo no mirror >&2; exit 25'),
  }
  for (const [name, { text, mode }] of Object.entries<{ text: string; mode?: number }>(files)) {
    await mkdir(join(dir, name, '..'), { recursive: true })
    await writeFile(join(dir, name), text, { mode })
  }
})
afterAll(() => rm(dir, { recursive: true }))

const runTests = (...options: string[]) =>
  execa(join(dir, 'scripts/test'), options, {
    reject: false,
    stdin: 'ignore',
    env: { PATH: `${dir}/programs:${process.env.PATH}`, XDG_CACHE_HOME: join(dir, 'cache') },
  })

describe('where no root of Debian 13 can be made', () => {
  test('the other tests run, and the part with its daemons counts as failed', async () => {
    const { exitCode, stdout, stderr } = await runTests()
    expect(stdout).toMatch(/^no (?:package|mirror)$/m)
    expect(stderr).toContain(
      "test: the part with Debian 13's daemons: not started: scripts/testing/debian-root: exit code 2; its output is above",
    )
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('3 passed, 1 failed, 0 skipped')
    expect(exitCode).toBe(1)
  })

  test('a run that was to be in it fails with a last line of its own', async () => {
    const { exitCode, stdout, stderr } = await runTests('--debian', '13')
    expect(stderr).toMatch(/^no (?:package|mirror)$/m)
    expect(stderr).toContain('test: there is no root of Debian 13, so no test ran')
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '0 passed, 1 failed, 0 skipped' })
  })
})
