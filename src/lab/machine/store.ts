import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { run } from '../../linux/run.ts'
import { OperationError } from '../../text/operation-error.ts'
import { commandLimitMs } from '../limits.ts'
import { type LabState, labDir, type StoreMemberState } from '../state.ts'
import type { LabSecrets } from '../topology/adapt.ts'
import type { Topology } from '../topology/model.ts'
import { unicastOf } from '../topology/unicast.ts'
import { startDetached } from './processes.ts'
import { waitForStart } from './wait-for-start.ts'

export const storeDir = join(labDir, 'store')
const pki = join(storeDir, 'pki')
/** Of `rescue`; without a store too. */
const nodePki = join(labDir, 'node-pki')
const clientPort = 2379
/** The keys of a site, and its user in the running store: some programs each. */
const perSiteMs = 2000

/** Keys and certificates for the members and each site, as for a real cluster. */
export async function prepareStore({ storeMembers, nodes }: Topology): Promise<StoreMemberState[]> {
  if (storeMembers.length === 0) return []
  await mkdir(storeDir, { mode: 0o700 })
  const sites = sitesOf(nodes)
  await run(
    [
      scriptOf('prepare'),
      pki,
      ...storeMembers.flatMap(({ name, address }) => ['--member', `${name}=${address}`]),
      ...sites.flatMap((site) => ['--site', site]),
    ],
    { timeoutMs: commandLimitMs + perSiteMs * sites.length },
  )
  return storeMembers.map(({ name, namespace, address }) => ({
    name,
    namespace,
    endpoint: `https://${address}:${clientPort}`,
    dir: join(storeDir, name),
    process: null,
  }))
}

/** A certificate for each node, with which nodes share their rosters. */
export async function prepareNodeKeys({ nodes }: Topology): Promise<void> {
  await run(
    [scriptOf('prepare'), nodePki, ...nodes.flatMap(({ site, name }) => ['--node', `${site}/${name}`])],
    { timeoutMs: commandLimitMs + perSiteMs * nodes.length },
  )
}

/** For the manifests of nodes. They reach each other by the management network. */
export function storeOf({ storeMembers, nodes }: Topology): Pick<LabSecrets, 'store' | 'rescue' | 'unicast'> {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const unicast: LabSecrets['unicast'] = (node, family) => unicastOf(byName.get(node)!, family)
  const rescue: LabSecrets['rescue'] = (node) => filesIn(join(nodePki, 'nodes', node))
  if (storeMembers.length === 0) return { rescue, unicast }
  const endpoints = storeMembers.map(({ address }) => `${address}:${clientPort}`)
  return {
    rescue,
    store: (site) => ({
      endpoints,
      ...filesIn(join(pki, 'sites', site)),
      beatEveryMs: 1000,
    }),
    unicast,
  }
}

function filesIn(folder: string) {
  return {
    caFile: join(folder, 'ca.crt'),
    certFile: join(folder, 'client.crt'),
    keyFile: join(folder, 'client.key'),
  }
}

/** Starts the members, and gives each site its user. */
export async function startStore(state: LabState, signal: AbortSignal): Promise<void> {
  const { storeMembers, nodes } = state
  // None of them answers before a second one runs.
  for (const member of storeMembers) await startMember(member)
  for (const member of storeMembers) {
    await waitForStart(member.process!, 'answer', () => answers(member), signal)
  }
  const endpoints = storeMembers.map(({ endpoint }) => endpoint).join()
  const timeoutMs = commandLimitMs + perSiteMs * sitesOf(nodes).length
  await run([scriptOf('users'), pki, endpoints], { timeoutMs, signal })
}

/** Also again, after it has ended: its data is in its folder. */
export async function startMember(member: StoreMemberState): Promise<void> {
  const folder = join(pki, 'members', member.name)
  const text = (await readFile(join(folder, 'default'), 'utf8')).replaceAll('/etc/etcd/anyward', folder)
  const settings = { ...parseEnv(text), ETCD_DATA_DIR: join(member.dir, 'data') }
  await mkdir(member.dir, { recursive: true, mode: 0o700 })
  member.process = await startDetached({
    name: `etcd ${member.name}`,
    namespace: member.namespace,
    // By `env`, which becomes etcd: so the arguments are all that it takes to start it.
    argv: ['env', ...Object.entries(settings).map(([name, value]) => `${name}=${value}`), 'etcd'],
    log: join(member.dir, 'etcd.log'),
  })
}

/** Whether it answers a linearizable read: it has a leader. */
export async function answers({ endpoint }: StoreMemberState): Promise<boolean> {
  const root = join(pki, 'root')
  const argv = [
    ...['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints', endpoint, '--command-timeout', '2s'],
    ...['--cacert', join(root, 'ca.crt'), '--cert', join(root, 'client.crt')],
    ...['--key', join(root, 'client.key'), 'endpoint', 'health'],
  ]
  return run(argv as [string, ...string[]], { timeoutMs: commandLimitMs }).then(
    () => true,
    () => false,
  )
}

function sitesOf(nodes: readonly { readonly site: string }[]): string[] {
  return [...new Set(nodes.map(({ site }) => site))]
}

/** The scripts come with the program: beside the sources, and beside a bundled program. */
function scriptOf(name: string, from = dirname(fileURLToPath(import.meta.url))): string {
  const path = join(from, 'scripts/etcd', name)
  if (existsSync(path)) return path
  if (dirname(from) === from) {
    throw new OperationError(`scripts/etcd/${name} of this installation is missing`, {
      hint: 'install Anyward again',
    })
  }
  return scriptOf(name, dirname(from))
}
