import { spawn } from 'node:child_process'
import { expect, test, vi } from 'vitest'
import { createCommandProbe } from '../../../../../src/node/probe/side/command.ts'

const timeoutMs = 1_000

vi.mock('node:child_process', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:child_process')>()
  return { ...original, spawn: vi.fn(original.spawn) }
})

test('a command whose start blocks this process for most of its time limit has the whole limit afterwards', async () => {
  const { spawn: start } = await vi.importActual<typeof import('node:child_process')>('node:child_process')
  vi.mocked(spawn).mockImplementation(((...args: Parameters<typeof spawn>) => {
    // As a fork of a large process on a slow machine does.
    const end = performance.now() + timeoutMs * 0.8
    while (performance.now() < end);
    return start(...args)
  }) as typeof spawn)
  const settings = { argv: ['/bin/sleep', '600'], intervalMs: 5_000, timeoutMs, rise: 2, fall: 3 }
  const result = await createCommandProbe(settings, { ANYWARD_SERVICE: 'vpn', ANYWARD_NODE: 'fra1-a' }).run()
  expect(result).toMatchObject({ outcome: 'bad', cause: 'command-timeout' })
})
