import type { Family } from '../net/prefix.ts'
import { RunError, runForOutput } from './run.ts'

/** What a line of a batch has printed, or why it failed. */
export type LineResult =
  | { readonly ok: true; readonly json: string }
  | { readonly ok: false; readonly problem: string }

/**
 * Runs lines of `ip` of one family in one process, each of them whether or not the others fail, and resolves with the
 * result of each: a list for `show` and `get`, and an empty one for a change. Numbers have no names there, whatever
 * /etc/iproute2 calls them. Throws RunError, also where a `show` fails, whose list may be incomplete.
 */
export type RunIpBatch = (
  family: Family,
  lines: readonly string[],
  options: { readonly timeoutMs: number; readonly limitBytes?: number },
) => Promise<LineResult[]>

export const runIpBatch: RunIpBatch = async (family, lines, options) => {
  if (lines.length === 0) return []
  const argv = ['ip', '-N', '-j', family === 'ipv4' ? '-4' : '-6', '-force', '-batch', '-'] as const
  const input = `${lines.join('\n')}\n`
  // 1: a line has failed.
  const { stdout, stderr } = await runForOutput(argv, { ...options, input, codes: [0, 1] })
  return readBatch(lines, stdout, stderr)
}

/** Reads what such a batch has printed. Throws RunError. */
export function readBatch(lines: readonly string[], stdout: string, stderr: string): LineResult[] {
  const problems = readProblems(stderr)
  const printed = stdout.split('\n').filter((line) => line.startsWith('['))
  return lines.map((line, at) => {
    const problem = problems.get(at + 1)
    const question = /^(?:rule|route) (show|get)\b/.exec(line)?.[1]
    if (problem !== undefined) {
      if (question === 'show') throw new RunError(['ip', ...line.split(' ')], 'failed', problem)
      return { ok: false, problem }
    }
    return { ok: true, json: question === undefined ? '[]' : (printed.shift() ?? '[]') }
  })
}

/** By the number of the line, from 1. `ip` prints the cause first, and then which line it was. */
function readProblems(stderr: string): Map<number, string> {
  const problems = new Map<number, string>()
  let words: string[] = []
  for (const line of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)$/.exec(line)
    if (failed === null) words.push(line.trim())
    else {
      problems.set(Number(failed[1]), words.filter((word) => word !== '').join(' ') || 'failed')
      words = []
    }
  }
  return problems
}
