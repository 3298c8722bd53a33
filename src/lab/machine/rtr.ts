import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { join } from 'node:path'
import { type Fleet, ourAsnIn } from '../../plan/sites/fleet.ts'
import type { CacheState } from '../state.ts'
import { cachePort } from '../topology/caches.ts'
import { startDetached } from './processes.ts'
import { waitForStart } from './wait-for-start.ts'

export function vrpFileOf(cache: { readonly dir: string }): string {
  return join(cache.dir, 'vrps.json')
}

/** VRPs for our own announcements only, in the format of rpki-client. */
export function renderVrps(fleet: Fleet): string {
  const now = new Date()
  const nodes = fleet.sites.flatMap((site) => site.nodes)
  const origins = nodes.flatMap((node) => [
    node.asn,
    ...node.neighbors.map((neighbor) => ourAsnIn(neighbor, node)),
  ])
  const roas = fleet.services
    .flatMap(({ covering }) => covering)
    .flatMap((prefix) =>
      [...new Set(origins)].map((asn) => ({
        prefix: prefix.toString(),
        maxLength: prefix.length,
        asn,
        ta: 'lab',
      })),
    )
  const metadata = { buildtime: now.toISOString().replace(/\.\d+Z$/, 'Z'), vrps: roas.length }
  return `${JSON.stringify({ metadata, roas }, null, 2)}\n`
}

/** Starts `anyward rtr` at a cache's address, and returns when routers can connect. */
export async function startRtr(
  cache: CacheState,
  namespace: string,
  program: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const listen = `${cache.address}:${cachePort}`
  const record = await startDetached({
    name: `rtr of ${cache.name}`,
    namespace,
    argv: [...program, 'rtr', '--vrps', vrpFileOf(cache), '--listen', listen],
    log: join(cache.dir, 'rtr.log'),
  })
  cache.process = record
  await waitForStart(record, `listen on ${listen}`, () => listensOn(record.pid, cache.address), signal)
}

/** Reads the process's own view of its network namespace, so that no process must start there. */
async function listensOn(pid: number, address: string): Promise<boolean> {
  const sockets = await readFile(`/proc/${pid}/net/tcp`, 'utf8').catch(() => '')
  const wanted = `${hexOf(address)}:${cachePort.toString(16).toUpperCase().padStart(4, '0')}`
  // The fourth column, 0A, is LISTEN.
  return sockets.split('\n').some((line) => {
    const [, local, , state] = line.trim().split(/\s+/)
    return state === '0A' && local === wanted
  })
}

/** An IPv4 address as /proc/net/tcp prints it: the bytes in this machine's order. */
function hexOf(address: string): string {
  const value = Buffer.from(address.split('.').map(Number))
  return (endianness() === 'LE' ? value.reverse() : value).toString('hex').toUpperCase()
}
