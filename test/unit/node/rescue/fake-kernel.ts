import type { LineResult, RunIpBatch } from '../../../../src/linux/ip-batch.ts'
import { RunError } from '../../../../src/linux/run.ts'
import type { Family } from '../../../../src/net/prefix.ts'

type Json = Record<string, unknown>

/** The rules and tables of a node, as `ip -batch` changes and prints them. */
export class FakeKernel {
  readonly rules: Record<Family, string[]> = { ipv4: [], ipv6: [] }
  /** Of our tables, by family: the arguments of `ip route replace`. */
  readonly routes: Record<Family, string[]> = { ipv4: [], ipv6: [] }
  /** The default route of the main table. */
  readonly defaults: Partial<Record<Family, Json>> = {
    ipv4: { dst: 'default', gateway: '10.1.1.1', dev: 'e1' },
  }
  /** What packets without a source get, if not that of our route. */
  otherSource: string | null = null
  /** Lines that fail, with their problem. */
  refuses: (line: string) => string | null = () => null
  /** All of it fails. */
  failure: string | null = null
  /** The main table has a million routes. */
  isFull = false
  readonly lines: string[] = []

  readonly run: RunIpBatch = async (family, lines) => {
    if (this.failure !== null) throw new RunError(['ip'], 'failed', this.failure)
    this.lines.push(...lines)
    if (this.isFull && lines.includes('route show table 254')) {
      throw new RunError(['ip'], 'too-long', 'printed more than 1 bytes')
    }
    return lines.map((line) => this.#answer(family, line))
  }

  #answer(family: Family, line: string): LineResult {
    const problem = this.refuses(line)
    if (problem !== null) return { ok: false, problem }
    const [kind, verb, ...words] = line.split(' ')
    const rest = words.join(' ')
    const held = kind === 'rule' ? this.rules[family] : this.routes[family]
    if (verb === 'add' || verb === 'replace') held.push(rest)
    if (verb === 'del') held.splice(held.indexOf(rest), 1)
    if (verb === 'flush') {
      this.routes[family] = held.filter((one) => !one.includes(` table ${words[1]} `))
    }
    if (verb === 'get') return this.#route(family, words)
    if (verb !== 'show') return { ok: true, json: '[]' }
    if (kind === 'rule') return { ok: true, json: JSON.stringify(this.rules[family].map(readRule)) }
    const found =
      words[1] === '254'
        ? [this.defaults[family] ?? []].flat()
        : held.filter((one) => one.includes(` table ${words[1]} `)).map(readRoute)
    return { ok: true, json: JSON.stringify(found) }
  }

  #route(family: Family, words: readonly string[]): LineResult {
    const main = this.defaults[family]
    if (main === undefined) return { ok: false, problem: 'RTNETLINK answers: Network is unreachable' }
    if (words[0] === 'fibmatch') return { ok: true, json: JSON.stringify([main]) }
    const ours = this.rules[family].some((one) => one.startsWith('pref 5192 '))
      ? this.routes[family].map(readRoute).find(({ dst }) => dst === 'default')
      : undefined
    const prefsrc = this.otherSource ?? ours?.prefsrc ?? '10.1.1.2'
    return { ok: true, json: JSON.stringify([{ ...main, dst: words[0], prefsrc }]) }
  }
}

function optionOf(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name)
  return at === -1 ? undefined : words[at + 1]
}

function readRule(text: string): Json {
  const words = text.split(' ')
  const [src, length] = (optionOf(words, 'from') ?? 'all').split('/')
  const number = (name: string) => {
    const found = optionOf(words, name)
    return found === undefined ? undefined : Number(found)
  }
  return {
    ...{ priority: number('pref'), src, srclen: length === undefined ? undefined : Number(length) },
    ...{ ipproto: optionOf(words, 'ipproto'), sport: number('sport'), table: optionOf(words, 'lookup') },
    ...{ goto: number('goto'), protocol: optionOf(words, 'protocol') },
    ...(words.includes('nop') ? { nop: null } : {}),
  }
}

function readRoute(text: string): Json {
  const words = text.split(' ')
  const metric = optionOf(words, 'metric')
  return {
    ...{ dst: words[0], gateway: optionOf(words, 'via'), dev: optionOf(words, 'dev') },
    ...{ protocol: optionOf(words, 'protocol'), prefsrc: optionOf(words, 'src') },
    ...(metric === undefined ? {} : { metric: Number(metric) }),
  }
}
