import { execa } from 'execa'
import type { Family } from '../../net/prefix.ts'
import type { Irr } from '../sites/fleet.ts'

export type IrrAnswer =
  /** `complaints`: what it said beside its answer, such as a member of the set that is no AS. */
  | { readonly ok: true; readonly text: string; readonly complaints: string | null }
  | { readonly ok: false; readonly reason: string; readonly hint: string }

export interface AskOptions extends Irr {
  /** Asks nobody: the last good answer has to do. */
  readonly offline?: boolean | undefined
  readonly timeoutMs: number
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined
}

/** 1,000,000 prefixes are some 50 MB of JSON; the whole global table has fewer. */
const mostOutput = 100_000_000

/**
 * The prefixes that the IRR has for an as-set and all that it holds, each as it is registered, as JSON. Never
 * throws: that there is no answer is an answer.
 */
export async function askBgpq4(asSet: string, family: Family, options: AskOptions): Promise<IrrAnswer> {
  const { server, sources, timeoutMs, signal, offline = false } = options
  if (offline) return { ok: false, reason: 'is not asked for here', hint: 'anyward plan asks, and keeps it' }
  const argv = [family === 'ipv4' ? '-4' : '-6', '-j']
  if (server !== null) argv.push('-h', server)
  if (sources.length > 0) argv.push('-S', sources.join(','))
  argv.push('--', asSet)

  // In a process group of its own, to end it with all that it may have started.
  const child = execa('bgpq4', argv, {
    reject: false,
    stdin: 'ignore',
    detached: true,
    maxBuffer: mostOutput,
  })
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    end()
  }, timeoutMs)
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  const result = await child
  clearTimeout(timer)
  signal?.removeEventListener('abort', end)

  const where = server ?? 'the default IRR server'
  const reachable = `is ${where} reachable from here? \`irr.server\` in fleet.yaml names another one`
  if (result.code === 'ENOENT') {
    return { ok: false, reason: 'bgpq4 is not on this machine', hint: withoutBgpq4 }
  }
  if (isLate) return { ok: false, reason: `no answer within ${timeoutMs / 1000} s`, hint: reachable }
  if (signal?.aborted) return { ok: false, reason: 'bgpq4 was ended', hint: 'start it again' }
  if (result.isMaxBuffer) {
    return { ok: false, reason: 'bgpq4 answers without an end', hint: `is ${asSet} the set you mean?` }
  }
  const complaints = onOneLine(result.stderr)
  if (result.exitCode !== 0) {
    const reason = complaints ?? result.originalMessage ?? `bgpq4 ended with ${result.exitCode}`
    return { ok: false, reason, hint: reachable }
  }
  // It goes on after a member that the server failed to expand, and exits 0 with a part of the set.
  if (/^ERROR:\s*(?:Error|Multiple keys) expanding/m.test(result.stderr)) {
    return { ok: false, reason: `the answer is not whole: ${complaints}`, hint: reachable }
  }
  return { ok: true, text: result.stdout, complaints }
}

const withoutBgpq4 =
  'apt-get install bgpq4, or write the prefixes in a file and name it instead of the as-set: irr: { file: … }'

/** Text from outside, for one line of a log; `null` where there is none. */
function onOneLine(text: string): string | null {
  const words = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
  if (words === '') return null
  return words.length > 300 ? `${words.slice(0, 300)}…` : words
}
