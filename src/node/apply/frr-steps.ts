import { readRouterLine } from '../routing/frr/router-line.ts'
import { isAnnouncement, isFamily, type Line, type Lines } from './frr-lines.ts'

/** The lines to add to the running configuration, and those to remove. */
interface Gap {
  readonly missing: readonly Line[]
  readonly excess: readonly Line[]
}

/**
 * @param obsolete whether a line that is not wanted is removed; other lines stay
 * @param isRuntime whether the line is the controller's, which may change it meanwhile
 */
export function findGap(
  running: Lines,
  wanted: Lines,
  obsolete: (key: string) => boolean,
  isRuntime: (line: Line) => boolean = isAnnouncement,
): Gap {
  const counts = (line: Line) =>
    !isRuntime(line) &&
    !(line.length === 2 && isFamily(line[1]!)) &&
    !(line.length === 1 && isLasting(line[0]))
  const isObsolete = (key: string) => obsolete(key) || obsolete(withOtherAction(key))
  const unwanted = [...running].filter(([key, line]) => !wanted.has(key) && counts(line))
  const kept = new Set(unwanted.flatMap(([key, line]) => (isObsolete(key) ? [] : [line[0]])))
  const blocks = new Set([...wanted.values()].map(([block]) => block))
  // The removal of a router would end the sessions that an engineer has added to it.
  const isKept = ([block, ...rest]: Line) =>
    rest.length === 0 && block.startsWith('router ') && kept.has(block) && !isOtherAsn(block, blocks)
  return {
    missing: [...wanted].filter(([key, line]) => !running.has(key) && counts(line)).map(([, line]) => line),
    excess: unwanted.filter(([key, line]) => isObsolete(key) && !isKept(line)).map(([, line]) => line),
  }
}

/**
 * The commands that end the sessions that are gone, before others begin: bgpd confuses two neighbors with one link-local
 * address, also after one of them is gone.
 */
export function commandsToEnd({ missing, excess }: Gap): string[] {
  const gone = blocksOf(excess)
  const begun = new Set(missing.map(sessionBegunBy))
  return excess.flatMap((line) => {
    const session = sessionBegunBy(line)
    const ends = session !== null && !begun.has(session) && !gone.has(line[0])
    return ends ? within(line, `no neighbor ${neighborOf(line)}`) : []
  })
}

/** The commands, of the enable mode, that restart sessions on another interface: bgpd keeps them where they are. */
export function commandsToReset({ missing, excess }: Gap): string[] {
  const placed = new Set(excess.map(sessionPlacedBy))
  return missing.flatMap((line) => {
    const session = sessionPlacedBy(line)
    if (session === null || !placed.has(session)) return []
    const vrf = readRouterLine(line[0])?.vrf
    return [`clear bgp ${vrf ? `vrf ${vrf} ` : ''}${neighborOf(line)}`]
  })
}

/**
 * The commands that add the missing lines. Lists come before the route-maps that use them, and route-maps before the
 * sessions: no route passes an incomplete policy. If two lines exclude each other, the newer one replaces the older one
 * in FRR, so nothing in use is deleted.
 */
export function commandsToAdd(gap: Gap): string[] {
  const { missing, excess } = gap
  const fresh = blocksOf(missing)
  const add = (rank: number) =>
    missing.filter((line) => rankToAdd(line) === rank).flatMap((line) => within(line, line.at(-1)!))
  return [
    ...excess.filter((line) => line.length === 1 && isOtherAsn(line[0], fresh)).map(negate),
    ...add(ranks.list),
    ...changeEntries(gap),
    ...add(ranks.other),
    ...add(ranks.session),
  ]
}

/**
 * Changes each entry of a route-map in one run of commands, also what it loses: bgpd evaluates a route-map again one second
 * after its last change, and half of a change refuses routes or lets them pass. An entry that permits denies until it is
 * complete: without conditions it would permit everything. `no match …` removes the match of that kind whatever it names,
 * so it comes before the new one.
 */
function changeEntries({ missing, excess }: Gap): string[] {
  const gone = blocksOf(excess)
  const changes = new Map<string, { block: string; isNew: boolean; stale: Line[]; added: Line[] }>()
  const changeOf = (entry: string, block: string) => {
    const change = changes.get(entry) ?? { block, isNew: false, stale: [], added: [] }
    changes.set(entry, change)
    return change
  }
  for (const line of missing) {
    const entry = entryOf(line)
    if (entry === null) continue
    const change = changeOf(entry, line[0])
    if (line.length === 1) change.isNew = true
    else change.added.push(line)
  }
  for (const line of excess) {
    const entry = entryOf(line)
    // The new description replaces the old one.
    if (entry === null || line.length === 1 || line[1]!.startsWith('description ')) continue
    if (changes.has(entry) || !gone.has(line[0])) changeOf(entry, line[0]).stale.push(line)
  }
  const commands: string[] = []
  const opened: string[] = []
  for (const { block, isNew, stale, added } of changes.values()) {
    const isGuarded = / permit \d+$/.test(block) && (isNew || stale.length > 0)
    const inner = isGuarded ? block.replace(' permit ', ' deny ') : block
    commands.push(inner, ...stale.map(negate), ...added.map((line) => line.at(-1)!), 'exit')
    if (isGuarded) opened.push(block, 'exit')
  }
  return withoutExits([...commands, ...opened])
}

function blocksOf(lines: readonly Line[]): ReadonlySet<string> {
  return new Set(lines.filter((line) => line.length === 1).map(([block]) => block))
}

/** In FRR an entry that changes from permit to deny, or back, keeps its lines. */
function withOtherAction(key: string): string {
  return key.replace(
    /^(route-map \S+) (permit|deny) (?=\d+\0)/,
    (_, map: string, action: string) => `${map} ${action === 'deny' ? 'permit' : 'deny'} `,
  )
}

/** The entry of a route-map that a line belongs to, without its action; `null`: none. */
function entryOf([block]: Line): string | null {
  const [, name, number] = /^route-map (\S+) (?:permit|deny) (\d+)$/.exec(block) ?? []
  return name === undefined ? null : `${name} ${number}`
}

/** The commands that remove the excess lines: sessions first, then the policies that they used. */
export function commandsToRemove({ excess }: Gap, attempt: number): string[] {
  const neighborsGone = new Set(excess.map(sessionBegunBy))
  const blocksGone = new Set(excess.map((line) => line.join('\0')))
  const commands: string[] = []
  for (const line of sorted(excess, (one) => -rankToAdd(one))) {
    // The removal of a block removes its lines.
    if (line.some((_, depth) => depth > 0 && blocksGone.has(line.slice(0, depth).join('\0')))) continue
    const neighbor = neighborOf(line)
    if (neighbor !== undefined && neighborsGone.has(sessionKey(line[0], neighbor))) {
      if (sessionBegunBy(line) !== null) commands.push(...within(line, `no neighbor ${neighbor}`))
      continue
    }
    commands.push(...within(line, shorten(negate(line), attempt)))
  }
  return commands
}

/** The neighbor that a line is about, as bgpd names it. */
function neighborOf(line: Line): string | undefined {
  return /^(?:no )?neighbor (\S+) /.exec(line.at(-1)!)?.[1]
}

/** `null`: the line begins no session. */
function sessionBegunBy(line: Line): string | null {
  const isFirst = line.length === 2 && /^neighbor \S+ (?:interface )?remote-as /.test(line[1]!)
  return isFirst ? sessionKey(line[0], neighborOf(line)!) : null
}

/** `null`: the line gives no session its interface. */
function sessionPlacedBy(line: Line): string | null {
  const isPlace = line.length === 2 && /^neighbor \S+ interface \S+$/.test(line[1]!)
  return isPlace ? sessionKey(line[0], neighborOf(line)!) : null
}

function sessionKey(block: string, neighbor: string): string {
  return `${block}\0${neighbor}`
}

/** FRR does not delete the block of an interface or a VRF that exists, only its lines. */
function isLasting(block: string): boolean {
  return /^(?:interface|vrf) /.test(block)
}

/** The command that removes a line. */
function negate(line: Line): string {
  const text = line.at(-1)!
  return text.startsWith('no ') ? text.slice(3) : `no ${text}`
}

/** FRR refuses some `no` commands with all values, so each further attempt has one word less. */
function shorten(command: string, attempt: number): string {
  const words = command.split(' ')
  // Never as short as `no neighbor X`, which is a different command.
  return words.slice(0, Math.max(words.length - attempt, Math.min(words.length, 4))).join(' ')
}

function within(line: Line, command: string): string[] {
  const blocks = line.slice(0, -1)
  const leave = blocks.map((block) => (isFamily(block) ? 'exit-address-family' : 'exit')).reverse()
  return [...blocks, command, ...(isBlock(line) && command === line.at(-1) ? ['exit'] : []), ...leave]
}

/** The lines that open a block in FRR. */
function isBlock(line: Line): boolean {
  const text = line.at(-1)!
  return (
    (line.length === 1 && /^(?:router |route-map |bfd$|rpki$|vrf |interface |key chain )/.test(text)) ||
    (line.length === 2 && line[0] === 'bfd' && /^(?:profile|peer) /.test(text))
  )
}

/** bgpd runs one AS in each VRF: the old instance must go before the new one can come. */
function isOtherAsn(text: string, fresh: ReadonlySet<string>): boolean {
  const router = readRouterLine(text)
  return router !== null && [...fresh].some((line) => readRouterLine(line)?.vrf === router.vrf)
}

const ranks = { list: 0, routeMap: 1, other: 2, session: 3 } as const

function rankToAdd([block]: Line): number {
  if (/^(?:ip|ipv6|bgp) (?:prefix-list|as-path|community-list|large-community-list|access-list) /.test(block))
    return ranks.list
  if (block.startsWith('route-map ')) return ranks.routeMap
  if (block.startsWith('router bgp ')) return ranks.session
  return ranks.other
}

function sorted(lines: readonly Line[], rank: (line: Line) => number): readonly Line[] {
  return [...lines].sort((a, b) => rank(a) - rank(b))
}

/**
 * Without `exit` between two route-maps: at each one bgpd 8.4 compares its whole configuration with the running one, and
 * so takes ten times as long.
 */
function withoutExits(commands: readonly string[]): string[] {
  return commands.filter(
    (command, at) => command !== 'exit' || commands[at + 1]?.startsWith('route-map ') !== true,
  )
}
