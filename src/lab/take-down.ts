import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../linux/run.ts'
import { LabError } from './lab-error.ts'
import { commandLimitMs, downLimitMs, endLimitMs, startsAtOnce } from './limits.ts'
import { removeFrrFolders, removeFrrScratch } from './machine/daemons.ts'
import { findMarkedNamespaces, namespaceInode, readLinks, removeNamespaces } from './machine/namespaces.ts'
import { managementLink } from './machine/prepare.ts'
import { isAlive, killInNamespaces, signalProcess, waitForEnd } from './machine/processes.ts'
import { fewAtOnce } from './machine/together.ts'
import { controlSocketOf } from './machine/wireguard.ts'
import { type LabState, type ProcessRecord, readState, removeLabDir } from './state.ts'

/**
 * Ends the command that changes the lab, and waits until it has removed its processes and namespaces. It is
 * killed after `timeoutMs`.
 */
export async function endOwner(state: LabState | null, timeoutMs: number): Promise<void> {
  const owner = state?.owner
  if (!owner || owner.pid === process.pid) return
  if (!(await signalProcess(owner, 'SIGTERM'))) return
  if (await waitForEnd(owner, timeoutMs)) return
  await signalProcess(owner, 'SIGKILL')
  await waitForEnd(owner, 2000)
}

/**
 * Removes every process, namespace, link and file of the lab, whatever state it is in; also when its state
 * is missing or torn, by the marker that its namespaces carry. Idempotent.
 */
export async function takeDown(known: LabState | null): Promise<void> {
  const since = performance.now()
  for (;;) {
    // A killed command may leave a running `ip`: check again until nothing is found.
    const state = (await readState()) ?? known
    const own = new Set(state?.namespaces)
    const names = [...own, ...(await findMarkedNamespaces(own))]
    const present = await presentNamespaces(names)
    await takeDownOnce(state, present)
    if ((await presentNamespaces(names)).size === 0 && (await findMarkedNamespaces(own)).length === 0) break
    const limitMs = downLimitMs(names.length)
    if (performance.now() - since > limitMs) {
      const left = [...present.keys()].join(', ')
      throw new LabError(`not removed within ${limitMs / 1000} s: the namespaces ${left}`)
    }
    await delay(50)
  }
  await removeLabDir()
}

async function takeDownOnce(state: LabState | null, present: ReadonlyMap<string, number>): Promise<void> {
  const processes = processesOf(state)
  const interfaces = new Set(wireguardInterfacesOf(state))
  // The state of a lab that has daemons knows every interface.
  const strange = [...present.keys()].filter((name) => !state?.namespaces.includes(name))
  await fewAtOnce(startsAtOnce(availableParallelism()), strange, async (name) => {
    for (const link of await readLinks(name)) if (link.link_type === 'none') interfaces.add(link.ifname)
  })
  for (const record of processes) await signalProcess(record, 'SIGKILL')
  const killed = await killInNamespaces(new Set(present.values()))
  await Promise.all(processes.map((record) => waitForEnd(record, endLimitMs)))
  await Promise.all([...interfaces].map((name) => rm(controlSocketOf(name), { force: true })))
  const hostLinks = (await hasHostLink()) ? [managementLink] : []
  await removeNamespaces([...present.keys()], hostLinks)
  await removeFrrScratch([...processes.map(({ pid }) => pid), ...killed])
  await removeFrrFolders()
}

async function presentNamespaces(names: readonly string[]): Promise<Map<string, number>> {
  const present = new Map<string, number>()
  for (const name of names) {
    const inode = await namespaceInode(name)
    if (inode !== null) present.set(name, inode)
  }
  return present
}

async function hasHostLink(): Promise<boolean> {
  return run(['ip', 'link', 'show', 'dev', managementLink], { timeoutMs: commandLimitMs }).then(
    () => true,
    () => false,
  )
}

function processesOf(state: LabState | null): ProcessRecord[] {
  if (state === null) return []
  const all = [
    state.core,
    ...state.caches.map((cache) => cache.process),
    ...state.nodes.flatMap((node) => [
      node.controller,
      node.agent,
      ...node.daemons,
      ...node.wireguard.map((wireguard) => wireguard.process),
    ]),
    ...state.storeMembers.map((member) => member.process),
    ...state.routers.map((router) => router.process),
    ...state.clients.flatMap((client) => [client.wireguard, client.traffic]),
  ]
  return all.filter((record) => record !== null)
}

function wireguardInterfacesOf(state: LabState | null): string[] {
  if (state === null) return []
  return [
    ...state.nodes.flatMap((node) => node.wireguard.map((wireguard) => wireguard.interface)),
    ...state.clients.map((client) => client.interface),
  ]
}

/** Whether the process that owns the state still runs. */
export async function hasLiveOwner(state: LabState | null): Promise<boolean> {
  return state?.owner ? isAlive(state.owner) : false
}
