import { join } from 'node:path'
import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import { compilePlan } from '../../plan/compile/compile-plan.ts'
import type { NodePlan } from '../../plan/compile/plan.ts'
import { readInstalledVersion } from '../../plan/service/installed-version.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { labDir } from '../state.ts'
import { adaptFleet, type InstalledVersions, type LabSecrets } from '../topology/adapt.ts'
import type { LabNode, Topology } from '../topology/model.ts'
import { layoutOf } from './daemons.ts'
import { storeOf } from './store.ts'

export function nodeDir(node: LabNode): string {
  return join(labDir, 'nodes', node.folder)
}

/** @param publicKeys of the services */
export function locateSecrets(
  topology: Topology,
  publicKeys: LabSecrets['publicKeys'],
  probePublicKey: NonNullable<LabSecrets['probePublicKey']>,
): LabSecrets {
  const dirs = new Map(topology.nodes.map((node) => [node.name, nodeDir(node)]))
  return {
    ...{ publicKeys, probePublicKey },
    probeKeyFile: (node, service) => join(dirs.get(node)!, `probe-${service}.key`),
    presharedKeyFile: (service) => join(labDir, 'keys', `${service}.psk`),
    passwordFile: (node, neighbor) => join(dirs.get(node)!, `bgp-${neighbor}.password`),
    ...storeOf(topology),
  }
}

/**
 * The plans of the topology's nodes, in its order.
 * @param port of their status
 */
export async function planNodes(
  fleet: Fleet,
  topology: Topology,
  secrets: LabSecrets,
  port: number,
): Promise<NodePlan[]> {
  const installed = await readInstalledVersions(topology.nodes.map(({ daemon }) => daemon))
  return topology.nodes.map((node) => {
    // The planner of `anyward plan`, once for each node, because interface names and probe keys differ.
    const adapted = adaptFleet(fleet, node, secrets, installed)
    const plan = compilePlan(adapted, () => layoutOf(node, nodeDir(node), port))
    return plan.nodes.find((candidate) => candidate.node === node.name)!
  })
}

async function readInstalledVersions(kinds: readonly DaemonKind[]): Promise<InstalledVersions> {
  const found = new Map<DaemonKind, string>()
  for (const kind of new Set(kinds)) {
    const version = await readInstalledVersion(kind)
    if (version !== null) found.set(kind, version)
  }
  return found
}
