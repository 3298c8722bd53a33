import type { Family } from '../../net/prefix.ts'
import type { Irr } from '../sites/fleet.ts'

export type IrrAnswer =
  /** `complaints`: messages on stderr, such as a member of the set that is not an AS. */
  | { readonly ok: true; readonly text: string; readonly complaints: string | null }
  | { readonly ok: false; readonly reason: string; readonly hint: string }

export interface AskOptions extends Irr {
  /** Sends no query: the last good answer is used. */
  readonly offline?: boolean | undefined
  readonly timeoutMs: number
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined
}

/** 1,000,000 prefixes are some 50 MB of JSON; the whole global table has fewer. */
const mostOutput = 100_000_000

/**
 * The registered prefixes of an AS, of an as-set and its members, or of a route-set in the IRR, as JSON. Never throws: a failure is a result.
 */
export async function askBgpq4(object: string, family: Family, options: AskOptions): Promise<IrrAnswer> {
  const { server, sources, timeoutMs, signal, offline = false } = options
  if (offline)
    return { ok: false, reason: 'is not queried here', hint: 'run anyward plan, which queries and saves it' }
  const argv = [family === 'ipv4' ? '-4' : '-6', '-j']
  if (server !== null) argv.push('-h', server)
  if (sources.length > 0) argv.push('-S', sources.join(','))
  argv.push('--', object)

  // Loaded here: most commands run no program.
  const { execa } = await import('execa')
  // In a process group of its own, to end it with its children.
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
      // The process has ended already.
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
    return { ok: false, reason: 'bgpq4 is not installed', hint: withoutBgpq4 }
  }
  if (isLate) return { ok: false, reason: `no answer within ${timeoutMs / 1000} s`, hint: reachable }
  if (signal?.aborted) return { ok: false, reason: 'bgpq4 was stopped', hint: 'start it again' }
  if (result.isMaxBuffer) {
    return {
      ok: false,
      reason: 'the answer of bgpq4 is too long',
      hint: `check that ${object} is the correct set`,
    }
  }
  const complaints = onOneLine(result.stderr.replaceAll(ofOtherFamily, ''))
  if (result.exitCode !== 0) {
    const reason = complaints ?? result.originalMessage ?? `bgpq4 ended with ${result.exitCode}`
    return { ok: false, reason, hint: reachable }
  }
  // bgpq4 continues after a member that the server failed to expand, and exits 0 with a part of the set.
  if (/^ERROR:\s*(?:Error|Multiple keys) expanding/m.test(result.stderr)) {
    return { ok: false, reason: `the answer is incomplete: ${complaints}`, hint: reachable }
  }
  return { ok: true, text: result.stdout, complaints }
}

/** A route-set holds both families, and bgpq4 reports each range of the other one. */
const ofOtherFamily = /^ERROR:\s*Ignoring prefix \S+, wrong af.*$/gm

const withoutBgpq4 =
  'apt-get install bgpq4, or write the prefixes in a file and name it instead of the as-set: irr: { file: … }'

/** External text, for one line of a log; `null` if empty. */
function onOneLine(text: string): string | null {
  const words = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
  if (words === '') return null
  return words.length > 300 ? `${words.slice(0, 300)}…` : words
}
