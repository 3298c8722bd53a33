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
  const unwanted = [...running].filter(([key, line]) => !wanted.has(key) && counts(line))
  const kept = new Set(unwanted.flatMap(([key, line]) => (obsolete(key) ? [] : [line[0]])))
  const blocks = new Set([...wanted.values()].map(([block]) => block))
  // The removal of a router would end the sessions that an engineer has added to it.
  const isKept = ([block, ...rest]: Line) =>
    rest.length === 0 && block.startsWith('router ') && kept.has(block) && !isOtherAsn(block, blocks)
  return {
    missing: [...wanted].filter(([key, line]) => !running.has(key) && counts(line)).map(([, line]) => line),
    excess: unwanted.filter(([key, line]) => obsolete(key) && !isKept(line)).map(([, line]) => line),
  }
}

/**
 * The commands that add the missing lines. Lists come before the route-maps that use them, and route-maps before the
 * sessions: no route passes an incomplete policy. If two lines exclude each other, the newer one replaces the older one
 * in FRR, so nothing in use is deleted.
 */
export function commandsToAdd({ missing, excess }: Gap): string[] {
  const fresh = new Set(missing.filter((line) => line.length === 1).map(([text]) => text))
  const commands = excess.filter((line) => line.length === 1 && isOtherAsn(line[0], fresh)).map(negate)
  const flips: string[] = []
  for (const line of sorted(missing, rankToAdd)) {
    const [block] = line
    const guarded = fresh.has(block) && /^route-map \S+ permit \d+$/.test(block)
    if (!guarded) {
      commands.push(...within(line, line.at(-1)!))
      continue
    }
    // A new entry has no conditions yet, and would permit everything: it denies until it is complete.
    const closed = block.replace(' permit ', ' deny ')
    if (line.length === 1) {
      commands.push(closed, 'exit')
      flips.push(block, 'exit')
    } else commands.push(closed, ...within(line.slice(1) as unknown as Line, line.at(-1)!), 'exit')
  }
  return insertBeforeSessions(withoutExits(commands), withoutExits(flips))
}

/** The commands that remove the excess lines: sessions first, then the policies that they used. */
export function commandsToRemove({ excess }: Gap, attempt: number): string[] {
  const neighborsGone = new Set(
    excess.flatMap((line) => {
      const address = /^neighbor (\S+) remote-as /.exec(line.at(-1)!)?.[1]
      return line.length === 2 && address !== undefined ? [`${line[0]}\0${address}`] : []
    }),
  )
  const blocksGone = new Set(excess.map((line) => line.join('\0')))
  const commands: string[] = []
  for (const line of sorted(excess, (one) => -rankToAdd(one))) {
    // The removal of a block removes its lines.
    if (line.some((_, depth) => depth > 0 && blocksGone.has(line.slice(0, depth).join('\0')))) continue
    const text = line.at(-1)!
    const address = /^(?:no )?neighbor (\S+) /.exec(text)?.[1]
    if (address !== undefined && neighborsGone.has(`${line[0]}\0${address}`)) {
      if (line.length === 2 && text.startsWith(`neighbor ${address} remote-as `)) {
        commands.push(...within(line, `no neighbor ${address}`))
      }
      continue
    }
    commands.push(...within(line, shorten(negate(line), attempt)))
  }
  return commands
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

function rankToAdd([block]: Line): number {
  if (/^(?:ip|ipv6|bgp) (?:prefix-list|as-path|community-list|large-community-list|access-list) /.test(block))
    return 0
  if (block.startsWith('route-map ')) return 1
  if (block.startsWith('router bgp ')) return 3
  return 2
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

function insertBeforeSessions(commands: readonly string[], flips: readonly string[]): string[] {
  const at = commands.findIndex((command) => /^router bgp /.test(command))
  const head = at === -1 ? commands : commands.slice(0, at)
  return [...head, ...flips, ...(at === -1 ? [] : commands.slice(at))]
}
