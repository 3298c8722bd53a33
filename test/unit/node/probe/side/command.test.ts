import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { type CommandSettings, createCommandProbe } from '../../../../../src/node/probe/side/command.ts'
import type { SideCheckResult } from '../../../../../src/node/probe/side/side-check.ts'

const folder = mkdtempSync(join(tmpdir(), 'anyward-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

const patientMs = 20_000
const hastyMs = 500

function probeOf(argv: readonly string[], timeoutMs = patientMs) {
  const settings: CommandSettings = { argv: [...argv], intervalMs: 1_000, timeoutMs, rise: 2, fall: 3 }
  return createCommandProbe(settings, { ANYWARD_SERVICE: 'vpn', ANYWARD_NODE: 'fra1-a' })
}

/** Runs it again where this process itself was starved. */
async function run(argv: readonly string[], timeoutMs?: number): Promise<SideCheckResult> {
  for (let attempt = 0; ; attempt += 1) {
    const result = await probeOf(argv, timeoutMs).run()
    if (attempt === 5 || result.cause !== 'starved') return result
  }
}

/** A program run by a shell of the test, not by the probe. */
const script = (text: string) => ['/bin/sh', '-c', text]

/** `comm` of each process whose command line contains this word. Zombies have no command line. */
function findProcesses(word: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(word) ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

/** A duration for `sleep` that no other process on the machine sleeps. */
let naps = 0
const newNap = () => {
  naps += 1
  return `${1000 + naps}.${process.pid}`
}
const gone = (nap: string) =>
  vi.waitFor(() => expect(findProcesses(nap)).toEqual([]), { timeout: patientMs, interval: 50 })

describe('a command', () => {
  it('that exits with 0 is good, and its output is kept', async () => {
    const result = await run(script('echo all is well; echo indeed >&2'))
    expect(result).toEqual({
      check: 'command',
      outcome: 'good',
      cause: null,
      detail: expect.stringMatching(/^\/bin\/sh is content: (all is well indeed|indeed all is well)$/),
      tookMs: expect.any(Number),
    })
  })

  it('that exits with another code is bad, with its code and output', async () => {
    expect(await run(script('echo "upstream is away"; exit 3'))).toMatchObject({
      outcome: 'bad',
      cause: 'command-failed',
      detail: '/bin/sh ended with exit code 3: upstream is away',
    })
  })

  it('that a signal kills is bad', async () => {
    expect(await run(script('kill -TERM $$'))).toMatchObject({
      outcome: 'bad',
      cause: 'command-killed',
      detail: '/bin/sh was killed by SIGTERM',
    })
  })

  it('that does not exist, or may not be executed, is missing', async () => {
    expect(await run([join(folder, 'nothing')])).toMatchObject({
      outcome: 'bad',
      cause: 'command-missing',
      detail: `${join(folder, 'nothing')} does not exist, or its interpreter does not (ENOENT)`,
    })
    const file = join(folder, 'plain')
    writeFileSync(file, 'text')
    chmodSync(file, 0o644)
    expect(await run([file])).toMatchObject({
      cause: 'command-missing',
      detail: `${file} cannot be executed (EACCES)`,
    })
  })

  it('gets its arguments unchanged: no shell expands them', async () => {
    const words = ['$HOME', '*', '; exit 1', '`id`']
    expect((await run(['/usr/bin/printf', '%s|', ...words])).detail).toBe(
      `/usr/bin/printf is content: ${words.join('|')}|`,
    )
  })

  it('has an empty stdin, / as its working directory, and a small environment', async () => {
    vi.stubEnv('SOME_SECRET', 'hunter2')
    const result = await run(script('cat; pwd; env | cut -d= -f1 | sort'))
    vi.unstubAllEnvs()
    const words = result.detail.split(': ')[1]!.split(' ')
    expect(words.filter((word) => word !== '_' && word !== 'PWD')).toEqual(
      ['/', 'ANYWARD_NODE', 'ANYWARD_RUN', 'ANYWARD_SERVICE', 'PATH'].filter((word) => words.includes(word)),
    )
    expect(words).toEqual(expect.arrayContaining(['/', 'ANYWARD_NODE', 'ANYWARD_SERVICE', 'PATH']))
  })

  it('has its control characters removed, and of much output the end is kept', async () => {
    const text = 'for i in $(seq 1 3000); do echo line $i; done; printf "\\033[31m\\a\\0end\\n"; exit 1'
    const { detail } = await run(script(text))
    expect(detail).toMatch(/ line 2999 line 3000 \[31m end$/)
    expect(Buffer.byteLength(detail)).toBeLessThan(2_200)
  })

  it('that prints without end is killed before its timeout', async () => {
    const result = await run(['/usr/bin/yes'])
    expect(result).toMatchObject({ outcome: 'bad', cause: 'command-failed' })
    expect(result.detail).toContain('printed more than 1048576 bytes')
  })

  it('runs once at a time: calls meanwhile get the same result', async () => {
    const probe = probeOf(script('sleep 0.2; echo $$'))
    const [first, second] = await Promise.all([probe.run(), probe.run()])
    expect(second).toBe(first)
    expect(await probe.run()).not.toBe(first)
  })

  it('is ended when the probe is closed', async () => {
    const nap = newNap()
    const probe = probeOf(['/usr/bin/sleep', nap])
    const running = probe.run()
    await vi.waitFor(() => expect(findProcesses(nap)).toHaveLength(1), { timeout: patientMs })
    await probe.close()
    expect(await running).toMatchObject({ outcome: 'inconclusive', cause: 'closed' })
    await gone(nap)
  })
})

describe('failure 11: a command that hangs', () => {
  const timeout = { outcome: 'bad', cause: 'command-timeout' }

  it('is killed after its timeout, although it ignores SIGTERM', async () => {
    const nap = newNap()
    const result = await run(script(`trap '' TERM; echo waiting; sleep ${nap} & wait; sleep ${nap}`), hastyMs)
    expect(result).toMatchObject({ ...timeout, detail: `/bin/sh was killed after ${hastyMs} ms: waiting` })
    await gone(nap)
  })

  it('is killed with its children and grandchildren, which hold its output', async () => {
    const nap = newNap()
    expect(await run(script(`(sleep ${nap} & sleep ${nap}) & (sleep ${nap}) & wait`), hastyMs)).toMatchObject(
      timeout,
    )
    await gone(nap)
  })

  it('is killed with the processes that have left its process group', async () => {
    const nap = newNap()
    const fugitive = `setsid sh -c 'setsid sleep ${nap} >/dev/null 2>&1 & sleep ${nap}' & sleep ${nap}`
    expect(await run(script(fugitive), hastyMs)).toMatchObject(timeout)
    await gone(nap)
  })

  it('in the background, after its parent has ended, is killed and not waited for', async () => {
    const nap = newNap()
    expect(await run(script(`sleep ${nap} & exit 0`))).toMatchObject({ outcome: 'good' })
    await gone(nap)
  })

  it('in a session of its own that keeps the output open is killed and not waited for', async () => {
    const nap = newNap()
    expect(await run(script(`setsid sleep ${nap} & sleep 0.3; exit 0`))).toMatchObject({ outcome: 'good' })
    await gone(nap)
  })

  it('again and again leaks no descriptor, no process and no memory', async () => {
    const nap = newNap()
    const probe = probeOf(script(`sleep ${nap} & exit 1`))
    const hanging = probeOf(['/usr/bin/sleep', nap], 100)
    const descriptors = () => readdirSync('/proc/self/fd').length
    const round = async (count: number) => {
      for (let index = 0; index < count; index += 1) {
        await Promise.all([probe.run(), index % 10 === 0 ? hanging.run() : null])
      }
    }
    await round(30)
    const [before, memoryBefore] = [descriptors(), process.memoryUsage().rss]
    await round(300)
    await gone(nap)
    await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before + 2), { timeout: patientMs })
    expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(60 * 2 ** 20)
  }, 120_000)
})
