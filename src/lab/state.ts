import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { writeFileAtomically } from '../files/atomic-file.ts'
import { removeTree } from '../files/remove-tree.ts'
import { readProcess } from '../linux/proc.ts'
import { daemonKinds } from '../manifest/daemon-kinds.ts'

/** One lab for each machine: its folder is also its lock. */
export const labDir = '/run/anyward-lab'
const stateFile = join(labDir, 'state.json')

/** A process and what it takes to start it again. The start time distinguishes it from a later one with the same number. */
const processSchema = z.object({
  name: z.string(),
  namespace: z.string(),
  argv: z.array(z.string()),
  log: z.string(),
  pid: z.number(),
  /** Clock ticks since boot, from /proc/PID/stat. */
  startTicks: z.number(),
})

const wireguardSchema = z.object({
  service: z.string(),
  interface: z.string(),
  port: z.number(),
  /** For `wg setconf`: keys and peers. */
  config: z.string(),
  /** With their length. */
  addresses: z.array(z.string()),
  /** The server's. */
  publicKey: z.string().default(''),
  probePublicKey: z.string(),
  /** `null` where the kernel has WireGuard. */
  process: processSchema.nullable(),
})

const nodeSchema = z.object({
  name: z.string(),
  site: z.string(),
  namespace: z.string(),
  daemon: z.enum(daemonKinds),
  dir: z.string(),
  bundle: z.string(),
  controlSocket: z.string(),
  statusUrl: z.string(),
  /** The fabric's ends of its wires to its neighbors. */
  ports: z.array(z.string()),
  /** Its neighbors that are nodes of the fleet. */
  peers: z.array(z.object({ neighbor: z.string(), node: z.string() })),
  /** What bundles of other fleets may need of it: `needsOf`. */
  has: z.array(z.string()).default([]),
  wireguard: z.array(wireguardSchema),
  daemons: z.array(processSchema),
  controller: processSchema.nullable(),
  /** Only with a store. */
  agent: processSchema.nullable().default(null),
})

const wireSchema = z.object({ router: z.string(), core: z.string() })

const routerSchema = z.object({
  name: z.string(),
  site: z.string(),
  namespace: z.string(),
  controlSocket: z.string(),
  process: processSchema.nullable(),
  /** Its wire to the core, by family, and the core's end of it. */
  core: z.object({ interface: z.string(), ipv4: wireSchema, ipv6: wireSchema }),
  sessions: z.array(
    z.object({
      node: z.string(),
      /** The neighbor's name in the YAML. */
      neighbor: z.string(),
      /** The node's address on the wire. */
      address: z.string(),
      protocol: z.string(),
      bfdIntervalMs: z.number().nullable(),
      bfdMultiplier: z.number().nullable(),
    }),
  ),
})

const clientSchema = z.object({
  name: z.string(),
  site: z.string(),
  service: z.string(),
  namespace: z.string(),
  dir: z.string(),
  interface: z.string(),
  config: z.string(),
  tunnelAddress: z.string(),
  /** Without a length, as in its peer entry. */
  allowedIp: z.string(),
  publicKey: z.string(),
  /** The router that connects it; `null`: the core. */
  router: z.string().nullable(),
  /** Of the wire to that router, in the family of the endpoint. */
  underlay: z.object({ address: z.string(), gateway: z.string() }),
  server: z.object({
    publicKey: z.string(),
    endpoint: z.string(),
    allowedIp: z.string(),
    tunnelAddress: z.string(),
  }),
  wireguard: processSchema.nullable(),
  traffic: processSchema.nullable(),
})

/** An `anyward rtr` in place of one of the fleet's RPKI caches. */
const cacheSchema = z.object({
  name: z.string(),
  address: z.string(),
  dir: z.string(),
  process: processSchema.nullable(),
})

const storeMemberSchema = z.object({
  name: z.string(),
  namespace: z.string(),
  /** The URL for clients. */
  endpoint: z.string(),
  dir: z.string(),
  process: processSchema.nullable(),
})

const stateSchema = z.object({
  format: z.literal(1),
  /** The command that changes the lab now; `null`: none. */
  owner: z.object({ command: z.string(), pid: z.number(), startTicks: z.number() }).nullable(),
  ready: z.boolean(),
  startedAt: z.string(),
  sites: z.string(),
  fabricNamespace: z.string(),
  coreNamespace: z.string(),
  namespaces: z.array(z.string()),
  kernelWireguard: z.boolean(),
  /** How many times slower than in the YAML probes and BFD are. */
  timerFactor: z.number().default(1),
  core: processSchema.nullable(),
  caches: z.array(cacheSchema).default([]),
  /** Empty without a store. */
  storeMembers: z.array(storeMemberSchema).default([]),
  nodes: z.array(nodeSchema),
  routers: z.array(routerSchema),
  clients: z.array(clientSchema),
})

export type ProcessRecord = z.infer<typeof processSchema>
export type WireguardState = z.infer<typeof wireguardSchema>
export type NodeState = z.infer<typeof nodeSchema>
export type RouterState = z.infer<typeof routerSchema>
export type ClientState = z.infer<typeof clientSchema>
export type StoreMemberState = z.infer<typeof storeMemberSchema>
export type CacheState = z.infer<typeof cacheSchema>
export type LabState = z.infer<typeof stateSchema>

/** Creates the lab's folder; `false`: a lab exists already, or the remains of one after a crash. */
export async function claimLab(): Promise<boolean> {
  try {
    await mkdir(labDir, { mode: 0o755 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** `null`: no lab, or one whose state is missing or torn. */
export async function readState(): Promise<LabState | null> {
  try {
    const result = stateSchema.safeParse(JSON.parse(await readFile(stateFile, 'utf8')))
    return result.success ? result.data : null
  } catch {
    return null
  }
}

export async function writeState(state: LabState): Promise<void> {
  await writeFileAtomically(stateFile, `${JSON.stringify(state, null, 2)}\n`)
}

/** Records this process as the owner of the lab for the duration of `work`. */
export async function occupyLab<T>(state: LabState, command: string, work: () => Promise<T>): Promise<T> {
  const startTicks = (await readProcess(process.pid))?.startTicks ?? 0
  state.owner = { command, pid: process.pid, startTicks }
  await writeState(state)
  try {
    return await work()
  } finally {
    state.owner = null
    await writeState(state)
  }
}

export async function removeLabDir(): Promise<void> {
  // FRR's daemons have folders of their own in it.
  await removeTree(labDir)
}

export async function writeSecret(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600 })
}
