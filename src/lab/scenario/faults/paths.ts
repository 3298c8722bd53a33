import { LabError } from '../../lab-error.ts'
import { ipBatch, openIpShell } from '../../machine/namespaces.ts'
import { sessionsOf } from '../../readiness.ts'
import type { ClientState, RouterState } from '../../state.ts'
import type { Fault, Stage } from '../scenario.ts'

export async function cutLinks({ state, node }: Stage): Promise<Fault> {
  const shell = await openIpShell(state.fabricNamespace)
  return {
    strike: () => shell.run(node.ports.map((port) => `link set ${port} down`)),
    async repair() {
      await shell.close()
      await ipBatch(
        state.fabricNamespace,
        node.ports.map((port) => `link set ${port} up`),
      )
    },
  }
}

/** The client's router sends what goes to the anycast address to another site, as an upstream does that changes its path. */
export async function moveRoute({ state, node, client }: Stage): Promise<Fault> {
  const { near, far } = pathsOf({ state, node, client })
  const destination = hostOf(client!)
  const family = destination.includes(':') ? 'ipv6' : 'ipv4'
  const shell = await openIpShell(near.namespace)
  // The core has one route to the covering prefix, which may be that to the client's own site. Nothing at rest uses it.
  const inCore = `${destination} via ${far.core[family].router} dev ${far.core.interface} metric 1`
  const atRouter = `${destination} via ${near.core[family].core} dev core0 metric 1`
  await ipBatch(state.coreNamespace, [`route add ${inCore}`])
  return {
    strike: () => shell.run([`route add ${atRouter}`]),
    async repair() {
      await shell.close()
      // It is missing if the fault was not injected.
      await ipBatch(near.namespace, [`route del ${atRouter}`]).catch(() => {})
      await ipBatch(state.coreNamespace, [`route del ${inCore}`])
    },
  }
}

/** Throws a LabError. */
function pathsOf({ state, node, client }: Pick<Stage, 'state' | 'node' | 'client'>) {
  const near = state.routers.find(({ name }) => name === client?.router)
  if (near === undefined) throw new LabError(`no router of ${node.site} connects a client`)
  const others = state.nodes.filter(({ site }) => site !== node.site)
  const [far] = others.flatMap(({ name }): RouterState[] =>
    sessionsOf(state, name).map(({ router }) => router),
  )
  if (far === undefined) throw new LabError('no other site has a neighbor')
  return { near, far }
}

function hostOf({ server }: ClientState): string {
  const address = server.endpoint.slice(0, server.endpoint.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return `${address}/${address.includes(':') ? 128 : 32}`
}
