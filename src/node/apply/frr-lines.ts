import { readRouterLine } from '../routing/frr/router-line.ts'

/**
 * FRR's running configuration as a set of lines. Each line has its enclosing blocks first, in the daemon's order: `['router bgp 64500', 'address-family ipv4 unicast', 'network 192.0.2.0/24']`.
 */
export type Line = readonly [string, ...string[]]
export type Lines = ReadonlyMap<string, Line>

/** Parses `show running-config`. Blocks are recognised by FRR's indentation. */
export function readLines(running: string): Lines {
  const lines = new Map<string, Line>()
  const open: { indent: number; text: string }[] = []
  for (const raw of running.split(/\r?\n/)) {
    const text = raw.trim()
    if (text === '' || /^[!#]/.test(text) || /^(?:exit(?:-\S+)?|end)$/.test(text) || isNoise(raw)) continue
    const indent = raw.length - raw.trimStart().length
    while (open.length > 0 && open.at(-1)!.indent >= indent) open.pop()
    open.push({ indent, text })
    const line = open.map((block) => block.text) as unknown as Line
    lines.set(keyOf(line), line)
  }
  // The module prints an empty block even if none is configured.
  const isUsed = (block: string) => [...lines.values()].some((line) => line.length > 1 && line[0] === block)
  for (const block of ['rpki', 'bfd']) if (!isUsed(block)) lines.delete(block)
  return lines
}

/** The header of `show running-config`, and lines about the machine. */
function isNoise(raw: string): boolean {
  return /^(?:Building configuration|Current configuration|frr version |frr defaults |hostname )/.test(raw)
}

export function keyOf(line: Line): string {
  return line.join('\0')
}

export function without(lines: Lines, others: Lines): Lines {
  return new Map([...lines].filter(([key]) => !others.has(key)))
}

/** `network` lines: those that are in no file belong to the controller, which may change them during an apply. */
export function isAnnouncement(line: Line): boolean {
  return (
    line.length === 3 &&
    readRouterLine(line[0]) !== null &&
    /^network \S+(?: route-map aw-degraded)?$/.test(line[2]!) &&
    isFamily(line[1]!)
  )
}

/** An address family block exists with its `router bgp`, and needs no line of its own. */
export function isFamily(text: string): boolean {
  return text.startsWith('address-family ')
}
