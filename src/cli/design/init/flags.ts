import { parse } from 'yaml'
import { type NeighborKind, neighborKinds } from '../../../manifest/words.ts'
import { type Answers, type NewNeighbor, noAnswers } from '../../../plan/init/answers.ts'
import { type DetectedWireguard, questions } from '../../../plan/init/questions.ts'
import { alternatives, quote } from '../../../text/wording.ts'
import { CommandError } from '../../failure.ts'

export interface InitOptions {
  readonly sites: string
  readonly json?: true
  readonly from?: string
  readonly allowBogons?: true
  readonly service?: string
  readonly neighbor?: readonly string[]
  readonly kind?: readonly string[]
  readonly asn?: string
  readonly site?: string
  readonly node?: string
  readonly daemon?: 'bird' | 'frr'
  readonly routerId?: string
  readonly anycast?: readonly string[]
  readonly covering?: readonly string[]
  readonly interface?: string
  readonly port?: string
  readonly publicKey?: string
  readonly tunnelAddress?: readonly string[]
  readonly probeAddress?: string
}

/** What the flags answer. */
export function readFlags(options: InitOptions): Answers {
  const given = questions.flatMap(({ key, normalize }) => {
    const value = options[key]
    if (value === undefined) return []
    const isText = typeof value === 'string'
    return [[key, isText ? normalize(value) : value.flatMap(splitList).map(normalize)]] as const
  })
  const neighbors = (options.neighbor ?? []).map(readNeighbor)
  return {
    ...noAnswers,
    service: options.service ?? noAnswers.service,
    neighbors,
    ...Object.fromEntries(given),
  }
}

/** `A B`, `A, B`. */
export function splitList(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

const neighborExample =
  'write it as in a site’s file: --neighbor "{ kind: transit, asn: 64601, address: 192.0.2.9 }"'

/** As in a site's file, with or without its braces. */
function readNeighbor(text: string, index: number): NewNeighbor {
  let value: unknown
  try {
    value = parse(/^\s*\{/.test(text) ? text : `{ ${text} }`)
  } catch (cause) {
    throw new CommandError(`--neighbor ${quote(text)} is not read`, { hint: neighborExample, cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CommandError(`--neighbor ${quote(text)} is not a map`, { hint: neighborExample })
  }
  const { kind = 'neighbor' } = value as { kind?: unknown }
  const name = String(kind).replace(/[^a-z0-9-]/g, '')
  return { values: { name: `${name}${index + 1}`, ...value }, comments: {}, source: null }
}

/** `--kind NAME=KIND`, for sessions that are taken over. */
export function readKinds(entries: readonly string[], known: readonly string[]): Map<string, NeighborKind> {
  const kinds = new Map<string, NeighborKind>()
  for (const entry of entries) {
    const [, name = '', word] = /^([^=]*)=(.*)$/.exec(entry) ?? []
    const kind = neighborKinds.find((candidate) => candidate === word)
    if (kind === undefined) {
      throw new CommandError(`--kind ${quote(entry)} is not NAME=KIND`, {
        hint: `the kind is ${alternatives(neighborKinds)}`,
      })
    }
    if (!known.includes(name)) {
      throw new CommandError(`--kind ${quote(entry)}: there is no such session`, {
        hint:
          known.length === 0 ? 'none is taken over: name the file with --from' : `known: ${known.join(', ')}`,
      })
    }
    kinds.set(name, kind)
  }
  return kinds
}

/** The defaults of what is not answered. */
export function fillDefaults(answers: Answers, detected: DetectedWireguard): Answers {
  let filled = answers
  for (const { key, propose } of questions) {
    if (filled[key] !== undefined) continue
    const proposal = propose(filled, detected)
    if (proposal !== null) filled = { ...filled, [key]: proposal }
  }
  return filled
}

/** Flags that have no default and are not given. */
export function listMissing(answers: Answers): string[] {
  const missing = questions.filter(
    ({ key, follows }) => answers[key] === undefined && (follows === null || answers[follows] !== undefined),
  )
  return [
    ...missing.map(({ flag, text, example }) => `${flag}: ${text.replace(/: .*/, '')}, such as ${example}`),
    ...(answers.neighbors.length > 0
      ? []
      : ['--neighbor: a BGP session, such as "{ kind: transit, asn: 64601, address: 192.0.2.9 }"']),
  ]
}
