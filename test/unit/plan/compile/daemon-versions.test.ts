import { expect, test } from 'vitest'
import type { DaemonKind } from '../../../../src/manifest/daemon-kinds.ts'
import { compilePlan } from '../../../../src/plan/compile/compile-plan.ts'
import { debianLayout } from '../../../../src/plan/compile/layout.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { base } from '../../../invalid/base.ts'

/** The plan of a node with one neighbor, which validates origins if `import` is `full`. */
function planOf(daemon: DaemonKind, version: string | null, fields: string) {
  const site = `site: fra1
nodes:
  - name: fra1-a
    daemon: ${daemon}
${version === null ? '' : `    daemonVersion: "${version}"\n`}    routerId: 10.0.0.1
    services: [vpn]
    neighbors: [{ name: n, asn: 64601, address: 10.1.1.9, ${fields} }]
`
  const { fleet, issues } = parseFleet([
    { name: 'fleet.yaml', text: base['fleet.yaml']! },
    { name: 'fra1.yaml', text: site },
  ])
  if (fleet === null) throw new Error(JSON.stringify(issues))
  return compilePlan(fleet, (_site, node) => debianLayout(fleet, node)).nodes[0]!
}

const validating = 'kind: transit, import: full'
const plain = 'kind: tor'

test.each([
  ['frr', null, validating, { from: '10.1', below: null, because: 'RPKI caches' }, true],
  ['frr', '10.3', validating, { from: '10.1', below: null, because: 'RPKI caches' }, true],
  ['frr', '10.0.2', validating, { from: '8.4', below: '10.1', because: 'RPKI caches, BGP roles' }, false],
  ['frr', '8.4.4', plain, { from: '8.0', below: null, because: 'an older one: its commands differ' }, false],
  [
    'bird',
    '3.1.8',
    validating,
    { from: '2.0.11', below: null, because: 'an older one: it has no BGP roles and no empty sets' },
    false,
  ],
] as const)(
  'a configuration of %s %s with { %s } is for the versions that write it so',
  (daemon, version, fields, versions, namesCacheTransport) => {
    expect(planOf(daemon, version, fields)).toMatchObject({ versions, namesCacheTransport })
  },
)
