import type { Family } from '../../../net/prefix.ts'
import { type BirdStatement, isPunctuation } from '../../../syntax/bird-statements.ts'
import type { BirdToken } from '../../../syntax/bird-tokens.ts'
import type { Place } from '../../../syntax/config-text.ts'
import { limitAction } from '../router.ts'
import { type Constants, numberOf, switchOf, textOf, timeOf } from './values.ts'

interface Channel {
  import: 'nothing' | 'everything' | 'filtered' | null
  limit: number | null
  extendedNextHop: boolean
}

/** The settings of a protocol or a template: a later one replaces an earlier one, as in BIRD. */
export interface Settings {
  localAs: number | 'unknown' | null
  localAddress: string | null
  neighbor: string | null
  interface: string | null
  asn: number | 'internal' | 'external' | 'unknown' | null
  multihop: number | null
  bfd: { intervalMs?: number; multiplier?: number } | null
  gtsm: boolean
  hasPassword: boolean
  description: string | null
  vrf: string | null
  holdMs: number | null
  keepaliveMs: number | null
  disabled: boolean
  readonly channels: Map<Family, Channel>
}

export function noSettings(): Settings {
  return {
    localAs: null,
    localAddress: null,
    neighbor: null,
    interface: null,
    asn: null,
    multihop: null,
    bfd: null,
    gtsm: false,
    hasPassword: false,
    description: null,
    vrf: null,
    holdMs: null,
    keepaliveMs: null,
    disabled: false,
    channels: new Map(),
  }
}

export function copySettings(settings: Settings): Settings {
  return { ...settings, channels: new Map([...settings.channels].map(([name, it]) => [name, { ...it }])) }
}

/** Reports what it does not read. */
type Leave = (statement: BirdStatement, reason: string) => void

interface Reading {
  readonly settings: Settings
  readonly constants: Constants
  readonly statement: BirdStatement
  /** After the words that have chosen the reader. */
  readonly rest: readonly BirdToken[]
  readonly leave: Leave
}

const notTaken = 'Anyward has no such setting for a session'
const filters = 'filters are not taken over: Anyward writes its own, by the kind of the neighbor'
const notRead = 'this form is not read'

/** By the first words of a statement; the longest that fits. */
const readers: Readonly<Record<string, (reading: Reading) => void>> = {
  local: readLocal,
  'local role': leaveWith('set role, if the default of its kind is another one'),
  neighbor: readNeighbor,
  'neighbor range': leaveWith('Anyward has no sessions with a range of neighbors'),
  'source address': ({ settings, rest, constants }) => {
    settings.localAddress = textOf(rest[0], constants)
  },
  interface: ({ settings, rest, constants }) => {
    settings.interface = textOf(rest[0], constants)
  },
  vrf: ({ settings, rest, constants }) => {
    settings.vrf = rest[0]?.text === 'default' ? null : textOf(rest[0], constants)
  },
  direct: ({ settings }) => {
    settings.multihop = null
  },
  multihop: ({ settings, rest, constants, statement, leave }) => {
    // Without a number BIRD allows 64 hops.
    settings.multihop = rest.length === 0 ? 64 : numberOf(rest[0], constants)
    if (settings.multihop === null) leave(statement, notRead)
  },
  password: ({ settings }) => {
    settings.hasPassword = true
  },
  'authentication md5': () => {},
  'authentication none': () => {},
  description: ({ settings, rest, constants }) => {
    settings.description = textOf(rest[0], constants)
  },
  bfd: readBfd,
  'ttl security': ({ settings, rest }) => {
    settings.gtsm = switchOf(rest[0]) ?? false
  },
  'hold time': (reading) => {
    reading.settings.holdMs = readTime(reading)
  },
  'keepalive time': (reading) => {
    reading.settings.keepaliveMs = readTime(reading)
  },
  disabled: ({ settings, rest }) => {
    settings.disabled = switchOf(rest[0]) ?? true
  },
  ipv4: (reading) => readChannel(reading, 'ipv4'),
  ipv6: (reading) => readChannel(reading, 'ipv6'),
  // Of a channel, and of a whole session in BIRD 1.
  import: leaveWith(filters),
  export: leaveWith(filters),
  // What Anyward configures itself, or what every session has.
  'next hop self': () => {},
  'strict bind': () => {},
  'enable route refresh': () => {},
  'graceful restart': leaveWith('Anyward does not configure graceful restart'),
}

export function readSettings(
  settings: Settings,
  statements: readonly BirdStatement[],
  constants: Constants,
  leave: Leave,
): void {
  for (const statement of statements) {
    const { read, rest } = chooseReader(statement.tokens)
    read({ settings, constants, statement, rest, leave })
  }
}

function chooseReader(tokens: readonly BirdToken[]) {
  for (let words = Math.min(3, tokens.length); words > 0; words -= 1) {
    const name = tokens
      .slice(0, words)
      .map(({ text }) => text)
      .join(' ')
    if (Object.hasOwn(readers, name)) return { read: readers[name]!, rest: tokens.slice(words) }
  }
  return { read: leaveWith(notTaken), rest: tokens }
}

function leaveWith(reason: string) {
  return ({ statement, leave }: Reading) => leave(statement, reason)
}

/** `local [ADDRESS] [port N] [as N]`. */
function readLocal({ settings, rest, constants, statement, leave }: Reading): void {
  const { address, asn, isRead } = readEnd(rest, constants)
  if (!isRead) leave(statement, notRead)
  if (address !== null) settings.localAddress = address
  if (asn !== null) settings.localAs = typeof asn === 'number' ? asn : 'unknown'
}

/** `neighbor ADDRESS [% 'INTERFACE'] [port N] [as N] [internal|external]`. */
function readNeighbor({ settings, rest, constants, statement, leave }: Reading): void {
  const { address, asn, interfaceName, isRead } = readEnd(rest, constants)
  if (!isRead) leave(statement, notRead)
  if (address !== null) settings.neighbor = address
  if (interfaceName !== null) settings.interface = interfaceName
  if (asn !== null) settings.asn = asn
}

/** What BIRD allows in any order behind `local` and `neighbor`. */
function readEnd(tokens: readonly BirdToken[], constants: Constants) {
  let address: string | null = null
  let interfaceName: string | null = null
  let asn: Settings['asn'] = null
  let isRead = true
  for (let at = 0; at < tokens.length; at += 1) {
    const { text } = tokens[at]!
    if (text === 'as') {
      at += 1
      const number = numberOf(tokens[at], constants)
      // What follows is no operator, or it is an expression.
      const next = tokens[at + 1]
      asn = number !== null && next?.kind !== 'punctuation' ? number : 'unknown'
      if (asn === 'unknown') return { address, interfaceName, asn, isRead: false }
    } else if (text === 'internal' || text === 'external') asn = text
    else if (text === 'port') {
      at += 1
      isRead &&= numberOf(tokens[at], constants) === 179
    } else if (isPunctuation(tokens[at], '%')) {
      at += 1
      interfaceName = tokens[at]?.text ?? null
    } else if (address === null && tokens[at]!.kind === 'word') address = textOf(tokens[at], constants)
    else isRead = false
  }
  return { address, interfaceName, asn, isRead }
}

function readBfd({ settings, rest, statement, constants, leave }: Reading): void {
  if (rest[0]?.text === 'graceful') leave(statement, 'bfd is taken over, without graceful')
  else if (switchOf(rest[0]) === false) {
    settings.bfd = null
    return
  }
  const bfd: { intervalMs?: number; multiplier?: number } = {}
  for (const option of statement.block ?? []) {
    const words = option.tokens.map(({ text }) => text).join(' ')
    const interval = /^(?:min (?:rx |tx )?)?interval /.exec(words)
    const time = timeOf(option.tokens.slice(interval?.[0].trim().split(' ').length ?? 0), constants)
    const multiplier = /^multiplier (\d{1,3})$/.exec(words)
    // The longer one of both directions counts.
    if (interval !== null && time !== null) bfd.intervalMs = Math.max(bfd.intervalMs ?? 0, time)
    else if (multiplier !== null) bfd.multiplier = Number(multiplier[1])
    else leave(option, 'of BFD, Anyward has interval and multiplier')
  }
  settings.bfd = bfd
}

function readTime({ rest, constants, statement, leave }: Reading): number | null {
  const time = timeOf(rest, constants)
  if (time === null) leave(statement, notRead)
  return time
}

function readChannel({ settings, statement, constants, leave }: Reading, family: Family): void {
  const channel = settings.channels.get(family) ?? { import: null, limit: null, extendedNextHop: false }
  settings.channels.set(family, channel)
  for (const option of statement.block ?? []) {
    const words = option.tokens.map(({ text }) => text).join(' ')
    const limit = /^(?:import|receive) limit (\w+)/.exec(words)
    if (limit !== null) {
      const number = numberOf(option.tokens[2], constants)
      if (number === null) leave(option, notRead)
      else channel.limit = Math.min(channel.limit ?? number, number)
      if (/ action (?!disable$)/.test(words)) leave(option, limitAction)
    } else if (words === 'import all') channel.import = 'everything'
    else if (words === 'import none') channel.import = 'nothing'
    else if (/^import(?: |$)/.test(words)) {
      channel.import = 'filtered'
      leave(option, filters)
    } else if (/^extended next hop(?: on| yes)?$/.test(words)) channel.extendedNextHop = true
    else if (/^export(?: |$)/.test(words)) leave(option, filters)
    else if (!/^(?:next hop self|table master[46]?|igp table master[46]?)(?: |$)/.test(words)) {
      leave(option, notTaken)
    }
  }
}

export function placeOf({ place }: BirdStatement): Place {
  return { file: place.file, line: place.line }
}
