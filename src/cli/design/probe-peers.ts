import { compileForDebian } from '../../plan/compile/compile-plan.ts'
import { probePeersOf } from '../../plan/compile/probe-peers.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { quote } from '../../text/wording.ts'
import { notThere } from './not-there.ts'

/** Prints the peers that a node's WireGuard needs for probes, for its configuration. Writes nothing. */
export async function printProbePeers(
  name: string,
  { sites, json }: { sites: string; json?: true },
): Promise<void> {
  const fleet = await requireFleet(sites)
  const { nodes } = compileForDebian(fleet)
  const plan = nodes.find(({ node }) => node === name)
  if (plan === undefined) {
    throw notThere(
      `the fleet has no node ${quote(name)}`,
      name,
      nodes.map(({ node }) => node),
    )
  }
  const peers = probePeersOf(plan)
  const text = peers
    .map((one) => [`# ${one.interface} of ${name}, for ${one.service}`, ...one.lines].join('\n'))
    .join('\n\n')
  process.stdout.write(json ? `${JSON.stringify({ node: name, interfaces: peers }, null, 2)}\n` : `${text}\n`)
}
