import { type Drafts, listNodes } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'

/** Checks that nodes can share their rosters: certificates, and addresses to reach each other at. */
export function checkRescue(drafts: Drafts): Finding[] {
  const { fleet } = drafts
  if (fleet === null || !Object.hasOwn(fleet.value, 'rescue')) return []
  const { rescue } = fleet.value
  const hasStore = Object.hasOwn(fleet.value, 'store')
  const missing = (['caFile', 'certFile', 'keyFile'] as const).filter(
    (name) => !hasStore && !Object.hasOwn(rescue ?? {}, name),
  )
  const files =
    missing.length === 0 || rescue === undefined
      ? []
      : [
          error(
            fleet.file,
            ['rescue'],
            `has no ${missing.join(', ')}, and the fleet has no store whose files it could use`,
            'add the paths of the certificate that each node has, see docs/fleet.md',
          ),
        ]
  const unreachable = listNodes(drafts)
    .filter(({ node }) => !Object.hasOwn(node, 'unicast') && (node.services ?? []).length > 0)
    .map(({ file, path, node }) =>
      error(
        file,
        path,
        `${node.name ?? 'the node'} has no \`unicast\`, where the other nodes read its roster`,
        'add `unicast`, an address that this node alone has, or remove `rescue`',
      ),
    )
  return [...files, ...unreachable]
}
