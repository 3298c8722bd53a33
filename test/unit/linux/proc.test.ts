import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  fieldsOfStat,
  listProcesses,
  readArgv,
  readEnvironment,
  readNetNamespace,
  readProcess,
  readProgramName,
} from '../../../src/linux/proc.ts'

test('a name with parentheses and spaces does not move the fields of a process', () => {
  expect(fieldsOfStat('7 (a) R (b c) S 1 7 7 0').slice(0, 3)).toEqual(['S', '1', '7'])
})

describe.runIf(process.platform === 'linux')('of a running process', () => {
  test('/proc gives its arguments, environment, name, parent and network namespace', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'proc-'))
    const program = join(dir, 'a) (b')
    await copyFile('/bin/sh', program)
    const child = spawn(program, ['-c', 'read line; exit', '', 'ü', ''], { env: { A: '1', B: 'x=y\nz' } })
    await once(child, 'spawn')
    const pid = child.pid!
    try {
      expect(await listProcesses()).toContain(pid)
      expect(await readArgv(pid)).toEqual([program, '-c', 'read line; exit', '', 'ü', ''])
      expect(await readEnvironment(pid)).toEqual(expect.arrayContaining(['A=1', 'B=x=y\nz']))
      expect(await readProgramName(pid)).toBe('a) (b')
      expect(await readProcess(pid)).toMatchObject({ parent: process.pid })
      expect(await readNetNamespace(pid)).toBe(await readNetNamespace('self'))
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
      await rm(dir, { recursive: true })
    }
    expect(await listProcesses()).not.toContain(pid)
    expect(await readArgv(pid)).toEqual([])
    expect(await readEnvironment(pid)).toEqual([])
    expect(await readProgramName(pid)).toBe(null)
    expect(await readProcess(pid)).toBe(null)
    await expect(readNetNamespace(pid)).rejects.toThrow('ENOENT')
  })
})
