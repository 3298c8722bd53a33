import { anyText, type Infer, list, optional, part, requireShape, type Shape, whole } from '../text/shape.ts'
import type { LinkState } from './link-snapshot.ts'

export interface Link extends LinkState {
  readonly name: string
}

/** Links by index, which stays the same when a link is renamed. */
export type Links = ReadonlyMap<number, Link>

export type LinkEvent =
  | { readonly event: 'link'; readonly index: number; readonly name: string; readonly up: boolean }
  | { readonly event: 'link-gone'; readonly index: number }
  | { readonly event: 'address'; readonly index: number; readonly address: string }
  | { readonly event: 'address-gone'; readonly index: number; readonly address: string }
  /** An unknown line. */
  | { readonly event: 'unknown' }

const linkPattern = /^(Deleted )?(\d+): ([^\s:]+): <([A-Z0-9_,-]*)>/
const addressPattern = /^(Deleted )?(\d+): \S+\s+inet6? ([0-9a-fA-F:.]+)(?:\/\d+)?\s/

/** Reads a line of `ip -o monitor link address`; iproute2 6.1 knows no JSON there. */
export function parseLinkEvent(line: string): LinkEvent {
  const link = linkPattern.exec(line)
  if (link !== null) {
    const [, deleted, index, label, flags] = link
    if (deleted !== undefined) return { event: 'link-gone', index: Number(index) }
    // `veth0@if5`: the far end is not part of the name.
    const name = label!.split('@')[0]!
    return { event: 'link', index: Number(index), name, up: flags!.split(',').includes('UP') }
  }
  const address = addressPattern.exec(line)
  if (address === null) return { event: 'unknown' }
  return {
    event: address[1] === undefined ? 'address' : 'address-gone',
    index: Number(address[2]),
    address: address[3]!,
  }
}

/** `null` if the event concerns an unknown link, or cannot be parsed: then a full read is necessary. */
export function applyLinkEvent(links: Links, event: LinkEvent): Links | null {
  if (event.event === 'unknown') return null
  const link = links.get(event.index)
  const next = new Map(links)
  if (event.event === 'link-gone') {
    next.delete(event.index)
    return next
  }
  if (event.event === 'link') {
    next.set(event.index, { name: event.name, up: event.up, addresses: link?.addresses ?? [] })
    return next
  }
  if (link === undefined) return event.event === 'address-gone' ? links : null
  const others = link.addresses.filter((address) => address !== event.address)
  const addresses = event.event === 'address' ? [...others, event.address] : others
  next.set(event.index, { ...link, addresses })
  return next
}

const entry = part({
  ifindex: whole(1, 2 ** 31 - 1),
  ifname: anyText(),
  flags: list(anyText(), 64),
  addr_info: optional(list(part({ local: optional(anyText()) }), Number.POSITIVE_INFINITY)),
})
type Entry = Infer<typeof entry>

/** iproute2 prints empty objects for entries that it filtered out. */
const entries: Shape<(Entry | null)[]> = list(
  (raw, place) => (isEmpty(raw) ? null : entry(raw, place)),
  Number.POSITIVE_INFINITY,
)

function isEmpty(raw: unknown): boolean {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) && Object.keys(raw).length === 0
}

/** Reads what `ip -j addr show` prints. Throws a SyntaxError or a TypeError for anything else. */
export function parseLinks(json: string): Links {
  const links = new Map<number, Link>()
  for (const found of requireShape(entries, JSON.parse(json))) {
    if (found === null) continue
    links.set(found.ifindex, {
      name: found.ifname,
      up: found.flags.includes('UP'),
      addresses: (found.addr_info ?? []).flatMap(({ local }) => (local === undefined ? [] : [local])),
    })
  }
  return links
}
