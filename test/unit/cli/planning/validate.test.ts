import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { validateCommand } from '../../../../src/cli/commands/design/validate.ts'
import { CommandError } from '../../../../src/cli/failure.ts'
import { base } from '../../../invalid/base.ts'
import { runCommand } from './run-command.ts'

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-validate-'))
  for (const [name, text] of Object.entries(base)) await writeFile(join(dir, name), text)
})

afterEach(async () => {
  vi.restoreAllMocks()
  await rm(dir, { recursive: true, force: true })
})

async function validate(...args: string[]): Promise<{ stdout: string; exitCode: unknown; error: unknown }> {
  const before = process.exitCode
  process.exitCode = undefined
  const { stdout, error } = await runCommand(validateCommand(), 'validate', ...args)
  const exitCode = process.exitCode ?? 0
  process.exitCode = before
  return { stdout, exitCode, error }
}

test('a valid fleet prints a one-line summary', async () => {
  const { stdout, exitCode } = await validate('--sites', dir)
  expect(stdout).toBe(`${dir}: valid: 2 sites, 2 nodes, 4 neighbors, 1 service.\n`)
  expect(exitCode).toBe(0)
})

test('with warnings only the exit code is 0', async () => {
  await rm(join(dir, 'ams1.yaml'))
  await rm(join(dir, 'fra1.yaml'))
  const { stdout, exitCode } = await validate('--sites', dir)
  expect(stdout).toContain('1 warning, but valid: 0 sites')
  expect(exitCode).toBe(0)
})

test('errors are listed and counted, with exit code 1', async () => {
  await writeFile(join(dir, 'fra1.yaml'), '')
  const { stdout, exitCode } = await validate('--sites', dir)
  expect(stdout).toBe(
    `${dir}/fra1.yaml:1:1 the file is empty\n    it is a map with the keys site, asn, nodes, maintenance\n\n${dir}: 1 error in 1 file. Nothing was changed: fix the errors, then validate again.\n`,
  )
  expect(exitCode).toBe(1)
})

test('--json prints one document with every field of each issue', async () => {
  await writeFile(join(dir, 'fra1.yaml'), '')
  const { stdout, exitCode } = await validate('--sites', dir, '--json')
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    issues: [
      {
        severity: 'error',
        file: `${dir}/fra1.yaml`,
        line: 1,
        column: 1,
        path: '',
        message: 'the file is empty',
        hint: 'it is a map with the keys site, asn, nodes, maintenance',
      },
    ],
  })
  expect(exitCode).toBe(1)
})

test('a missing folder exits 2, also with one document with --json', async () => {
  const { stdout, error } = await validate('--sites', join(dir, 'nowhere'), '--json')
  expect(error).toBeInstanceOf(CommandError)
  expect(error).toMatchObject({ exitCode: 2, hint: 'name the folder with --sites DIR' })
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, issues: [{ severity: 'error' }] })
})
