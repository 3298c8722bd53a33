import {
  type BirdStatement,
  isPunctuation,
  printBirdStatement,
  readBirdStatements,
} from '../../../syntax/bird-statements.ts'
import { type BirdToken, type ReadIncluded, readBirdTokens } from '../../../syntax/bird-tokens.ts'
import type { ConfigText } from '../../../syntax/config-text.ts'
import { type FoundRouter, type FoundSession, type Left, mostCommon, mostLeft, shorten } from '../router.ts'
import { copySettings, noSettings, placeOf, readSettings, type Settings } from './settings.ts'
import { textOf } from './values.ts'

interface Protocol {
  readonly name: string
  readonly statement: BirdStatement
  readonly settings: Settings
}

/** Reads a bird.conf of BIRD 1, 2 or 3. Throws OperationError where BIRD would refuse the file as well. */
export function readBird(main: ConfigText, readIncluded: ReadIncluded): FoundRouter {
  const constants = new Map<string, BirdToken>()
  const templates = new Map<string, Settings>()
  const protocols: Protocol[] = []
  const left: Left[] = []
  let routerId: string | null = null

  const leave = (statement: BirdStatement, reason: string) => {
    if (left.length < mostLeft) {
      left.push({ ...placeOf(statement), text: shorten(printBirdStatement(statement)), reason })
    }
  }
  for (const statement of readBirdStatements(readBirdTokens(main, readIncluded), isBgp)) {
    const { tokens } = statement
    const [first, second] = tokens.map(({ text }) => text)
    if (first === 'define') {
      const [, name, equals, value, ...more] = tokens
      if (name !== undefined && isPunctuation(equals, '=') && value !== undefined && more.length === 0) {
        const known = value.kind === 'word' ? constants.get(value.text) : undefined
        constants.set(name.text, known ?? value)
      }
    } else if (first === 'router' && second === 'id' && tokens.length === 3) {
      routerId = dottedQuad(textOf(tokens[2], constants))
      if (routerId === null) leave(statement, 'this form is not read: write routerId')
    } else if (isBgp(tokens)) {
      const from = tokens.findIndex(({ text }, index) => index > 1 && text === 'from')
      const parent = from === -1 ? undefined : tokens[from + 1]?.text
      const settings = copySettings(templates.get(parent ?? '') ?? noSettings())
      readSettings(settings, statement.block ?? [], constants, leave)
      const name = tokens[2] !== undefined && from !== 2 ? tokens[2].text : ''
      if (parent !== undefined && !templates.has(parent))
        leave(statement, `there is no template ${parent} before it`)
      if (first === 'template') templates.set(name, settings)
      else protocols.push({ name: name === '' ? `bgp${protocols.length + 1}` : name, statement, settings })
    } else if (tokens.length > 0) leave(statement, reasonFor(tokens))
  }

  const asn = mostCommon(
    protocols.flatMap(({ settings: { localAs } }) => (typeof localAs === 'number' ? [localAs] : [])),
  )
  const sessions = protocols.flatMap((protocol) => {
    const { settings, statement } = protocol
    const problem = findProblem(settings)
    if (problem === null) return [describeSession(protocol, asn)]
    leave(statement, problem)
    return []
  })
  return { daemon: 'bird', asn, routerId, sessions, left }
}

function isBgp(tokens: readonly BirdToken[]): boolean {
  const [first, second] = tokens
  return (first?.text === 'protocol' || first?.text === 'template') && second?.text === 'bgp'
}

function findProblem(settings: Settings): string | null {
  if (settings.disabled) return 'the session is disabled'
  if (settings.neighbor === null) return 'it names no neighbor that can be read'
  if (settings.asn === 'external') return 'the neighbor’s AS number is not in the configuration'
  if (settings.asn === 'unknown') return 'the neighbor’s AS number is an expression, which is not read'
  return null
}

function describeSession({ name, statement, settings }: Protocol, ourAsn: number | null): FoundSession {
  const { channels, localAs, asn } = settings
  const read = [...channels.values()]
  return {
    place: placeOf(statement),
    name,
    // Without an AS number of its own the neighbor is in the local AS.
    asn: typeof asn === 'number' ? asn : 'internal',
    address: settings.neighbor,
    interface: settings.interface,
    localAddress: settings.localAddress,
    localAs: typeof localAs === 'number' && localAs !== ourAsn ? localAs : null,
    vrf: settings.vrf,
    multihop: settings.multihop,
    bfd: settings.bfd,
    gtsm: settings.gtsm,
    hasPassword: settings.hasPassword,
    description: settings.description,
    timers: {
      ...(settings.holdMs !== null && { holdMs: settings.holdMs }),
      ...(settings.keepaliveMs !== null && { keepaliveMs: settings.keepaliveMs }),
    },
    families: [...channels.keys()],
    extendedNextHop: read.some(({ extendedNextHop }) => extendedNextHop),
    limit: read.find(({ limit }) => limit !== null)?.limit ?? null,
    import: importOf(read.map((channel) => channel.import)),
  }
}

/** Without a word about it, BIRD imports everything. */
function importOf(words: readonly (FoundSession['import'] | null)[]): FoundSession['import'] {
  if (words.length === 0) return 'filtered'
  if (words.every((word) => word === 'nothing')) return 'nothing'
  return words.every((word) => word === 'everything' || word === null) ? 'everything' : 'filtered'
}

const reasons: Readonly<Record<string, string>> = {
  filter: 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  function: 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  'protocol device': 'Anyward writes its own',
  'protocol kernel': 'Anyward writes its own, for the routes of its sessions alone',
  'protocol direct': 'Anyward announces the prefixes of its services, and alwaysAnnounce of the node',
  'protocol static': 'Anyward announces the prefixes of its services, and alwaysAnnounce of the node',
  'protocol bfd': 'Anyward writes its own: set bfd at the neighbors',
  'protocol rpki': 'set rpki in fleet.yaml',
  'protocol ospf': 'Anyward runs no other routing protocol',
  'protocol babel': 'Anyward runs no other routing protocol',
  'protocol rip': 'Anyward runs no other routing protocol',
  log: 'Anyward writes its own',
  debug: 'Anyward writes its own',
  timeformat: 'Anyward writes its own',
}

function reasonFor(tokens: readonly BirdToken[]): string {
  const [first, second] = tokens.map(({ text }) => text)
  return reasons[`${first} ${second}`] ?? reasons[first ?? ''] ?? 'Anyward has no such setting'
}

function dottedQuad(value: string | null): string | null {
  return value !== null && /^\d{1,3}(?:\.\d{1,3}){3}$/.test(value) ? value : null
}
