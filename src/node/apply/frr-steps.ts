import { isAnnouncement, isFamily, type Line, type Lines } from './frr-lines.ts'

/** What the running configuration lacks, and what it has to lose. */
interface Gap {
  readonly missing: readonly Line[]
  readonly excess: readonly Line[]
}

/** @param obsolete says of a line that is not wanted whether it goes; what neither wants nor damns stays */
export function findGap(running: Lines, wanted: Lines, obsolete: (key: string) => boolean): Gap {
  const counts = (line: Line) => !isAnnouncement(line) && !(line.length === 2 && isFamily(line[1]!))
  return {
    missing: [...wanted].filter(([key, line]) => !running.has(key) && counts(line)).map(([, line]) => line),
    excess: [...running]
      .filter(([key, line]) => !wanted.has(key) && obsolete(key) && counts(line))
      .map(([, line]) => line),
  }
}

/**
 * The commands that add what is missing. Lists come before the route-maps that look into them, and those before
 * the sessions: a route never meets half a policy. Where two lines exclude each other, FRR lets the newer
 * replace the older, so that nothing is deleted that is in use.
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
    // An entry begins without its conditions, and would permit everything: it denies until it is whole.
    const closed = block.replace(' permit ', ' deny ')
    if (line.length === 1) {
      commands.push(closed, 'exit')
      flips.push(block, 'exit')
    } else commands.push(closed, ...within(line.slice(1) as unknown as Line, line.at(-1)!), 'exit')
  }
  return insertBeforeSessions(commands, flips)
}

/** The commands that remove what is in excess: sessions first, then what they no longer look into. */
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
    // A block that goes takes its lines with it.
    if (line.some((_, depth) => depth > 0 && blocksGone.has(line.slice(0, depth).join('\0')))) continue
    const text = line.at(-1)!
    const address = /^neighbor (\S+) /.exec(text)?.[1]
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

/** The command that takes a line back. */
function negate(line: Line): string {
  const text = line.at(-1)!
  return text.startsWith('no ') ? text.slice(3) : `no ${text}`
}

/** Some commands refuse to be taken back with all their values, so each further attempt names one less. */
function shorten(command: string, attempt: number): string {
  const words = command.split(' ')
  // Never as far as `no neighbor X`, which is another command.
  return words.slice(0, Math.max(words.length - attempt, Math.min(words.length, 4))).join(' ')
}

function within(line: Line, command: string): string[] {
  const blocks = line.slice(0, -1)
  const leave = blocks.map((block) => (isFamily(block) ? 'exit-address-family' : 'exit')).reverse()
  return [...blocks, command, ...(isBlock(line) && command === line.at(-1) ? ['exit'] : []), ...leave]
}

/** The lines after which FRR waits for a block. */
function isBlock(line: Line): boolean {
  const text = line.at(-1)!
  return (
    (line.length === 1 && /^(?:router |route-map |bfd$|rpki$|vrf |interface )/.test(text)) ||
    (line.length === 2 && line[0] === 'bfd' && text.startsWith('profile '))
  )
}

/** bgpd runs one AS: the old instance must go before the new one can come. */
function isOtherAsn(text: string, fresh: ReadonlySet<string>): boolean {
  return /^router bgp \d+$/.test(text) && [...fresh].some((line) => /^router bgp \d+$/.test(line))
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

function insertBeforeSessions(commands: readonly string[], flips: readonly string[]): string[] {
  const at = commands.findIndex((command) => /^router bgp /.test(command))
  const head = at === -1 ? commands : commands.slice(0, at)
  return [...head, ...flips, ...(at === -1 ? [] : commands.slice(at))]
}
