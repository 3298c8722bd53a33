import { type Drafts, listNodes, listServices } from '../drafts.ts'
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
