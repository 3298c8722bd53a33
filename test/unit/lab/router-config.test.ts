import { expect, test } from 'vitest'
import { renderCore, renderRouter } from '../../../src/lab/machine/router-config.ts'
import { buildTopology } from '../../../src/lab/topology/topology.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { fleetOf, osloYaml, romeYaml } from './fleets.ts'

const fleet = fleetOf(osloYaml, romeYaml)
const topology = buildTopology(fleet)
const paths = {
  daemonSocket: '/s',
  announceFile: '/a',
  configFile: '/c',
  bundleDir: '/b',
  runtimeDir: '/r',
  stateDir: '/t',
}
const plan = compilePlan(fleet, () => ({ paths, listen: [], logFile: null }))

function configOf(name: string): string {
  const router = topology.routers.find((candidate) => candidate.name === name)!
  const sessions = router.links.map((link) => {
    const node = plan.nodes.find((candidate) => candidate.node === link.node)!
    const session = node.sessions.find((candidate) => candidate.neighbor === link.neighbor)!
    return { link, node, session, password: session.passwordFile === null ? null : 'secret' }
  })
  return renderRouter(router, sessions, '/log')
}

/** The block of a protocol, without its first line. */
function protocolOf(config: string, name: string): string {
  return config.split(`protocol bgp ${name} {`)[1]!.split('\n}')[0]!
}

test('a session mirrors the plan: addresses, ASNs, BFD, GTSM, password', () => {
  const tor = topology.routers.find(({ name }) => name === 'tor')!
  const protocol = protocolOf(configOf('tor'), tor.links[0]!.protocol)
  expect(protocol).toContain('local 10.1.0.1 as 64611;')
  expect(protocol).toContain('neighbor 10.1.0.2 as 64500;')
  expect(protocol).toContain('ttl security on;')
  expect(protocol).toContain('password "secret";')
  expect(protocol).not.toContain('bfd')
})

test('BFD follows the plan, and GTSM is off unless the YAML asks for it', () => {
  const { links } = topology.routers.find(({ name }) => name === 'oslo-a-carrier')!
  const protocol = protocolOf(configOf('oslo-a-carrier'), links[0]!.protocol)
  expect(protocol).toContain('bfd { interval 100 ms; multiplier 3; };')
  expect(protocol).not.toContain('ttl security')
})

test('a neighbor advertises a default route only to a node that imports one', () => {
  const { links } = topology.routers.find(({ name }) => name === 'tor')!
  expect(protocolOf(configOf('tor'), links[0]!.protocol)).toContain('export none;')
  const carrier = topology.routers.find(({ name }) => name === 'rome-a-carrier')!
  expect(protocolOf(configOf('rome-a-carrier'), carrier.links[0]!.protocol)).toContain(
    'export where net = 0.0.0.0/0',
  )
})

test('the core receives no host route, and no path with the same carrier twice', () => {
  const config = configOf('tor')
  expect(config).toContain('net.len > 24 then reject;')
  expect(config).toContain('net.len > 48 then reject;')
  expect(config).toContain('bgp_path.empty;')
  const asns = [...renderCore(topology, '/log').matchAll(/neighbor \S+ as (\d+);/g)].map((match) => match[1])
  expect(new Set(asns).size).toBe(topology.routers.length)
})
