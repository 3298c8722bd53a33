import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { LabError } from '../lab-error.ts'
import { startLimitMs } from '../limits.ts'
import type { NodeState, ProcessRecord } from '../state.ts'
import { labRtrPort } from '../topology/adapt.ts'
import { tail } from './daemons.ts'
import { isAlive, startDetached } from './processes.ts'

export function vrpFileOf(node: { readonly dir: string }): string {
  return join(node.dir, 'vrps.json')
}

/** VRPs for our own announcements only, in the format of rpki-client. */
export function renderVrps(fleet: Fleet): string {
  const now = new Date()
  const roas = fleet.services
    .flatMap(({ covering }) => covering)
    .map((prefix) => ({ prefix: prefix.toString(), maxLength: prefix.length, asn: fleet.asn, ta: 'lab' }))
  const metadata = { buildtime: now.toISOString().replace(/\.\d+Z$/, 'Z'), vrps: roas.length }
  return `${JSON.stringify({ metadata, roas }, null, 2)}\n`
}

/** `null` for a node without origin validation. Returns when routers can connect. */
export async function startRtr(
  node: NodeState,
  program: readonly string[],
  signal?: AbortSignal,
): Promise<ProcessRecord | null> {
  const file = vrpFileOf(node)
  const exists = await access(file).then(
    () => true,
    () => false,
  )
  if (!exists) return null
  const record = await startDetached({
    name: `rtr of ${node.name}`,
    namespace: node.namespace,
    argv: [...program, 'rtr', '--vrps', file, '--listen', `0.0.0.0:${labRtrPort}`],
    log: join(node.dir, 'rtr.log'),
  })
  const deadline = performance.now() + startLimitMs
  while (!(await listensOn(record.pid, labRtrPort))) {
    signal?.throwIfAborted()
    if (!(await isAlive(record)))
      throw new LabError(`${record.name} ended at once: ${await tail(record.log)}`)
    if (performance.now() > deadline) {
      throw new LabError(`${record.name} did not listen within ${startLimitMs / 1000} s`)
    }
    await delay(20)
  }
  return record
}

/** Reads the process's own view of its network namespace, so that no process must start there. */
async function listensOn(pid: number, port: number): Promise<boolean> {
  const sockets = await readFile(`/proc/${pid}/net/tcp`, 'utf8').catch(() => '')
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  // The fourth column, 0A, is LISTEN.
  return sockets.split('\n').some((line) => {
    const [, address, , state] = line.trim().split(/\s+/)
    return state === '0A' && address?.endsWith(local)
  })
}
