import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LiveTerminal } from '../fixtures/terminal/live-terminal.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

let out: string
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'progress-'))
})
afterEach(async () => {
  await rm(out, { recursive: true })
})

const plan = (...more: string[]) => [
  ...[process.execPath, join(root, 'dist/cli/main.js'), 'plan', '--sites', join(root, 'sites')],
  ...['--out', join(out, 'out'), '--state', join(out, 'state'), ...more],
]

test('on a terminal a plan shows what it does in one line, and the line is gone when it has ended', async () => {
  await using terminal = await LiveTerminal.start(plan(), { columns: 100, rows: 40 })
  expect(await terminal.end()).toBe(0)
  expect(terminal.written).toContain('check the configuration of fra1-a with BIRD (')
  expect(terminal.written).toContain('write 3 bundles …')
  expect(terminal.text).not.toContain('…')
  expect(terminal.text).toContain('fra1-a')
})

test('with --json stdout is the document alone, also on a terminal', async () => {
  await using terminal = await LiveTerminal.start(
    ['sh', '-c', `${plan('--json').join(' ')} >${out}/document`],
    {
      ...{ columns: 100, rows: 40 },
    },
  )
  expect(await terminal.end()).toBe(0)
  expect(terminal.written).toContain('write 3 bundles …')
  const { stdout } = await execa('cat', [join(out, 'document')])
  expect(JSON.parse(stdout)).toHaveProperty('nodes')
})

test('without a terminal a quick plan says nothing on stderr', async () => {
  const [file, ...args] = plan('--no-check')
  const { stderr } = await execa(file!, args)
  expect(stderr).not.toContain('write 3 bundles')
  expect(stderr).not.toContain('\u001b')
})
