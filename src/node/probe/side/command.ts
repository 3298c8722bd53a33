import type { ManifestService } from '../../../manifest/manifest.ts'
import { bad, createSideProbe, good, inconclusive, type SideVerdict } from './create-side-probe.ts'
import { type ProcessResult, runProcess } from './run-process.ts'
import type { SideProbe } from './side-check.ts'

export type CommandSettings = NonNullable<ManifestService['probe']['command']>

/** The end of the output, for the message. */
const keepBytes = 2_048
const limitBytes = 2 ** 20

/** A program of the engineer. Its environment is PATH and `env`. */
export function createCommandProbe(
  settings: CommandSettings,
  env: Readonly<Record<'ANYWARD_SERVICE' | 'ANYWARD_NODE', string>>,
): SideProbe {
  const argv = settings.argv as [string, ...string[]]
  let survivor: number | null = null

  const ask = async (signal: AbortSignal): Promise<SideVerdict> => {
    // Otherwise processes that cannot be killed would accumulate.
    if (survivor !== null && isAlive(survivor)) {
      return bad('command-timeout', `${argv[0]} of an earlier run cannot be killed: process ${survivor}`)
    }
    const result = await runProcess({
      argv,
      env,
      timeoutMs: settings.timeoutMs,
      keepBytes,
      limitBytes,
      signal,
    })
    survivor = result.survivor
    return judge(argv[0], settings.timeoutMs, result)
  }
  return createSideProbe({ check: 'command', intervalMs: settings.intervalMs, ask })
}

function judge(program: string, timeoutMs: number, { end, output }: ProcessResult): SideVerdict {
  const said = printable(output)
  const tell = (sentence: string) => `${program} ${sentence}${said === '' ? '' : `: ${said}`}`
  switch (end.end) {
    case 'exit':
      return end.code === 0
        ? good(tell('is content'))
        : bad('command-failed', tell(`ended with exit code ${end.code}`))
    case 'signal':
      return bad('command-killed', tell(`was killed by ${end.signal}`))
    case 'timeout':
      return bad('command-timeout', tell(`was killed after ${timeoutMs} ms`))
    case 'output-limit':
      return bad('command-failed', tell(`was killed, for it printed more than ${limitBytes} bytes`))
    case 'aborted':
      return inconclusive('closed', 'was not probed: the probe was closed')
    case 'starved':
      return inconclusive(
        'starved',
        `${program} was not watched: this process was not scheduled for ${Math.round(end.stalledMs)} ms`,
      )
    case 'not-started':
      return judgeStart(program, end.code)
  }
}

function judgeStart(program: string, code: string): SideVerdict {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return bad('command-missing', `${program} does not exist, or its interpreter does not (${code})`)
    case 'EACCES':
    case 'EPERM':
    case 'ENOEXEC':
      return bad('command-missing', `${program} cannot be executed (${code})`)
    // A local shortage, which says nothing about the service.
    default:
      return inconclusive('starved', `${program} could not be started (${code})`)
  }
}

/** On one line, without terminal control sequences and text direction characters. */
function printable(output: Buffer): string {
  return output
    .toString('utf8')
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
