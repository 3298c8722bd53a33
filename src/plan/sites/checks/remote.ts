import { formatPath, quote } from '../../../text/wording.ts'
import { type Drafts, listNodes, listServices, type PlacedNode } from '../drafts.ts'
import { error, type Finding, warning } from '../finding.ts'
import { findTwice } from './twice.ts'

/** Checks the probes between sites, and the addresses for them. */
export function checkRemote(drafts: Drafts): Finding[] {
  const { fleet, complete } = drafts
  const nodes = listNodes(drafts).flatMap(({ file, path, node: { unicast } }) =>
    unicast === undefined ? [] : [{ file, path: [...path, 'unicast'], value: unicast }],
  )
  const findings = findTwice(
    nodes.map((node) => ({ ...node, value: node.value.toString() })),
    'write an address that this node alone has',
  )
  const shared = listServices(drafts).flatMap(({ service }) => service.covering ?? [])
  for (const { file, path, value } of nodes) {
    const prefix = shared.find((one) => one?.contains(value))
    if (prefix === undefined) continue
    findings.push(
      error(
        file,
        path,
        `${value} is in ${prefix}, which other sites announce too: any of them may answer`,
        'write an address that this node alone has',
      ),
    )
  }
  findings.push(...checkProbeKeys(drafts))
  if (fleet === null || !Object.hasOwn(fleet.value, 'remote')) return findings
  const at = { file: fleet.file, path: ['remote'] }
  if (!Object.hasOwn(fleet.value, 'store')) {
    findings.push(
      error(
        at.file,
        at.path,
        'the fleet has no store, so that no site learns what another one sees',
        'add `store`, or remove `remote`',
      ),
    )
  } else if (complete && nodes.length === 0) {
    findings.push(
      warning(at.file, at.path, 'no node has `unicast`, so that none is probed', 'add `unicast` to nodes'),
    )
  }
  return findings
}

/** A server keeps one session for each key, so that two probers with one key interrupt each other. */
function checkProbeKeys(drafts: Drafts): Finding[] {
  const servers = new Map(
    listServices(drafts).map(({ name, service }) => [service.wireguard?.publicKey, name] as const),
  )
  const nodes = listNodes(drafts)
  const perNode = nodes.flatMap((placed) => {
    const entries = listProbeKeys(placed)
    // One key file may serve all probes of a node.
    return entries.filter(({ value }, at) => entries.findIndex((one) => one.value === value) === at)
  })
  return [
    ...nodes.flatMap(({ file, path, node }) => {
      const served = node.services
      // What is no list, and an entry that is no name, has a finding of its own.
      if (served === undefined || served.includes(undefined)) return []
      return Object.keys(node.probeKeys ?? {})
        .filter((service) => !served.includes(service))
        .map((service): Finding => {
          const message = `${quote(service)} is not among the services of the node`
          const hint = 'remove it, or add it to `services`'
          return { ...error(file, [...path, 'probeKeys', service], message, hint), part: 'key' }
        })
    }),
    ...perNode.flatMap(({ file, path, value }) => {
      const service = servers.get(value)
      if (service === undefined) return []
      const message = `is the key of the server of ${service}, not that of a probe`
      return [error(file, path, message, "write what `wg pubkey` prints for the probe's key file")]
    }),
    ...perNode.flatMap(({ file, path, value }, at) => {
      const first = perNode.findIndex((one) => one.value === value)
      if (first === at) return []
      const where = `${perNode[first]!.file} ${formatPath(perNode[first]!.path)}`
      // Without the value: a private key looks the same.
      return [error(file, path, `is the same key as ${where}`, 'make a key for each node, with `wg genkey`')]
    }),
  ]
}

function listProbeKeys({ file, path, node }: PlacedNode) {
  return Object.entries(node.probeKeys ?? {}).flatMap(([service, value]) =>
    value === undefined ? [] : [{ file, path: [...path, 'probeKeys', service], value }],
  )
}
