import { expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { describeOpenFrr } from '../../../../src/node/doctor/checks/routing/filters.ts'
import { parseOpenExports } from '../../../../src/node/routing/bird/open-exports.ts'
import { findOpenSessions } from '../../../../src/node/routing/frr/open-sessions.ts'

/** As bgpd prints it. */
const config = (policy: string) => `frr defaults traditional
!
router bgp 64500
 ${policy}
 neighbor FABRIC peer-group
 neighbor FABRIC remote-as external
 neighbor 10.0.0.1 remote-as 64601
 neighbor 10.0.0.2 remote-as 64602
 neighbor 10.0.0.3 remote-as 64500
 neighbor 10.0.0.4 peer-group FABRIC
 neighbor 10.0.0.5 remote-as 64605
 neighbor 10.0.0.5 shutdown
 neighbor swp1 interface remote-as external
 !
 address-family ipv4 unicast
  neighbor FABRIC route-map own out
  neighbor 10.0.0.2 prefix-list own out
  neighbor 10.0.0.1 route-map all in
  no neighbor swp1 activate
 exit-address-family
 !
 address-family ipv6 unicast
  neighbor swp1 activate
 exit-address-family
exit
!
router bgp 64500 vrf red
 neighbor 10.9.0.1 remote-as 64500
exit
!
route-map own permit 10
exit
!
`

test('FRR: each session without an outbound filter, by family; eBGP only where bgpd needs no policy', () => {
  const names = (text: string) =>
    findOpenSessions(text).map(({ neighbor, vrf, families }) => `${neighbor} ${vrf} ${families.join()}`)
  const internal = ['10.0.0.3  ipv4', '10.9.0.1 red ipv4']
  const free = ['10.0.0.1  ipv4', '10.0.0.3  ipv4', 'swp1  ipv6', '10.9.0.1 red ipv4']
  expect(names(config('bgp log-neighbor-changes'))).toEqual(internal)
  // The default VRF only: each block has the line of its own.
  expect(names(config('no bgp ebgp-requires-policy'))).toEqual(free)
  expect(names(config('').replace('traditional', 'datacenter'))).toEqual(free)
  expect(names(config('bgp ebgp-requires-policy').replace('traditional', 'datacenter'))).toEqual(internal)
  expect(names(config('no bgp default ipv4-unicast'))).toEqual(['10.9.0.1 red ipv4'])
})

test('FRR: the note names session, prefix and cure, in the VRFs with a neighbor, for the families of the services', () => {
  const manifest = {
    neighbors: [{ name: 'transit', vrf: null }],
    services: [{ prefixes: ['192.0.2.1/32'] }],
  } as unknown as Manifest
  const found = describeOpenFrr(manifest, config('no bgp ebgp-requires-policy'))
  expect(found.map(({ message }) => message)).toEqual([
    'the session 10.0.0.1 has no outbound filter: it gets 192.0.2.1/32 too',
    'the session 10.0.0.3 has no outbound filter: it gets 192.0.2.1/32 too',
  ])
  expect(found[0]).toMatchObject({
    severity: 'info',
    cure: expect.stringContaining('`neighbor 10.0.0.1 route-map NAME out`'),
  })
})

test('BIRD: each session with `export all` in a main table', () => {
  const details = (channel: string, table: string, filter: string) => [
    { code: 1006, text: `  Channel ${channel}` },
    { code: 1006, text: `    Table:          ${table}` },
    { code: 1006, text: '    Input filter:   ACCEPT' },
    { code: 1006, text: `    Output filter:  ${filter}` },
  ]
  const head = (name: string, type: string) => ({
    ...{ code: 1002, text: `${name} ${type}       ---        up     2026-01-01    Established` },
  })
  expect(
    parseOpenExports([
      ...[
        head('core', 'BGP'),
        ...details('ipv4', 'master4', 'ACCEPT'),
        ...details('ipv6', 'master6', '(unnamed)'),
      ],
      ...[head('transit', 'BGP'), ...details('ipv4', 'master4', 'out')],
      ...[head('customer', 'BGP'), ...details('ipv4', 'red', 'ACCEPT')],
      ...[head('kernel4', 'Kernel'), ...details('ipv4', 'master4', 'ACCEPT')],
    ]),
  ).toEqual([{ protocol: 'core', families: ['ipv4'] }])
})
