import { dirname } from 'node:path'
import { maskFrrSecrets } from '../../../syntax/mask-secrets.ts'
import { countMany } from '../../../text/count.ts'
import { parseJson } from '../../../text/parse-json.ts'
import { DaemonError } from '../../routing/daemon.ts'
import { readRouterLine } from '../../routing/frr/router-line.ts'
import { Vtysh } from '../../routing/frr/vtysh.ts'
import { keyOf, type Line, type Lines, readLines } from '../frr-lines.ts'
import type { ConfigText, Foreign } from './foreign.ts'
import { readEnabledDaemons, readStartFiles } from './frr-files.ts'
import { describeSections } from './frr-sections.ts'
import type { ForeignOptions } from './options.ts'

/**
 * What FRR runs, and what its files would start, that the new configuration does not have. Lines that were entered at
 * run time stay at a later apply, so only a first one removes anything. Throws DaemonError.
 */
export async function findForeignInFrr(options: ForeignOptions): Promise<Foreign[]> {
  if (options.installed !== null) return []
  const { configFile, old, content, own } = options
  const vtysh = new Vtysh(dirname(options.daemonSocket))
  const files = await readStartFiles(configFile, old)
  const running = readLines(await vtysh.readRunning())
  const fresh = readLines(content)
  const { lines, placeOf } = findPlaces(files)
  for (const [key, line] of running) if (!lines.has(key)) lines.set(key, line)
  const isOurs = [...lines.values()].some(([block]) => block.startsWith('route-map aw-'))
  const sessions = new Set([...fresh.values()].flatMap((line) => keyOfSession(line) ?? []))
  const items = describeSections(without(lines, fresh, isOurs), {
    placeOf,
    replaces: (block, neighbor) => sessions.has(sessionKey(block, neighbor)),
    runs: (line) => running.has(keyOf(line)),
    own,
  })
  return addStates(items, vtysh, await readEnabledDaemons(configFile))
}

/** The lines of files, and where each is. A session is where it begins, also if only later lines of it are lost. */
export function findPlaces(files: readonly ConfigText[]) {
  const places = new Map<string, string>()
  const sessionPlaces = new Map<string, string>()
  const lines = new Map<string, Line>()
  for (const { path, text } of files) {
    const numbers = numberLines(text)
    for (const [key, line] of readLines(text)) {
      lines.set(key, line)
      const place = `${path}:${numbers.get(line.at(-1)!) ?? 1}`
      if (!places.has(key)) places.set(key, place)
      const session = keyOfSession(line)
      if (session !== null && !sessionPlaces.has(session)) sessionPlaces.set(session, place)
    }
  }
  const placeOf = (line: Line) =>
    sessionPlaces.get(keyOfSession(line) ?? '') ?? places.get(keyOf(line)) ?? null
  return { lines, placeOf }
}

/**
 * Without the lines of the new configuration. In a configuration that Anyward wrote, also without the sessions that
 * both have: FRR prints some of their lines in another form.
 */
export function without(lines: Lines, fresh: Lines, isOurs: boolean): Lines {
  const sessions = new Set([...fresh.values()].flatMap((line) => keyOfSession(line) ?? []))
  return new Map(
    [...lines].filter(([key, line]) => {
      if (fresh.has(key)) return line.length === 1 && /^router bgp /.test(line[0])
      const session = keyOfSession(line)
      return !(isOurs && session !== null && sessions.has(session))
    }),
  )
}

function sessionOf(line: Line): string | null {
  const address = line[0].startsWith('router bgp ') ? /^neighbor (\S+) /.exec(line.at(-1)!)?.[1] : undefined
  return address ?? null
}

function keyOfSession(line: Line): string | null {
  const session = sessionOf(line)
  return session === null ? null : sessionKey(line[0], session)
}

/** Without the AS number: the bundle may have another one. */
function sessionKey(block: string, neighbor: string): string {
  return `${readRouterLine(block)?.vrf ?? ''} ${neighbor}`
}

/** The number of the first line with that text. */
function numberLines(text: string): Map<string, number> {
  const numbers = new Map<string, number>()
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (!numbers.has(line)) numbers.set(line, index + 1)
  }
  return numbers
}

async function addStates(
  items: readonly Foreign[],
  vtysh: Vtysh,
  enabled: readonly string[],
): Promise<Foreign[]> {
  if (items.length === 0) return []
  const peers = await readPeers(vtysh)
  const full = items.some(({ what }) => what.startsWith('OSPF process')) ? await countFull(vtysh) : 0
  return items.map((unmasked) => {
    const item = { ...unmasked, what: maskFrrSecrets(unmasked.what) }
    const address = /^BGP session to (\S+)/.exec(item.what)?.[1]
    const state = address === undefined ? undefined : peers.get(address)
    if (state !== undefined) return { ...item, state }
    if (!item.what.startsWith('OSPF process')) return item
    if (item.state !== null) return { ...item, state: `running, ${countMany(full, 'neighbor')} Full` }
    return enabled.includes('ospfd') ? { ...item, state: 'not running; /etc/frr/daemons starts ospfd' } : item
  })
}

async function readPeers(vtysh: Vtysh): Promise<Map<string, string>> {
  const peers = new Map<string, string>()
  const vrfs = parseJson(await show(vtysh, 'show bgp vrf all summary json')) as
    | Record<string, Record<string, { peers?: Record<string, { state?: string; pfxRcd?: number }> }>>
    | null
    | undefined
  for (const families of Object.values(vrfs ?? {})) {
    for (const family of Object.values(families ?? {})) {
      for (const [address, { state, pfxRcd }] of Object.entries(family?.peers ?? {})) {
        if (state === undefined) continue
        const routes = state === 'Established' ? `, ${countMany(pfxRcd ?? 0, 'route')}` : ''
        peers.set(address, `${state}${routes}`)
      }
    }
  }
  return peers
}

async function countFull(vtysh: Vtysh): Promise<number> {
  const text = await show(vtysh, 'show ip ospf neighbor json')
  return [...text.matchAll(/"converged"\s*:\s*"Full"/g)].length
}

/** The states are additional: without them the list is still complete. */
async function show(vtysh: Vtysh, command: string): Promise<string> {
  try {
    return await vtysh.show(command)
  } catch (error) {
    if (error instanceof DaemonError) return ''
    throw error
  }
}
