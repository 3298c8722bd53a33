import { expect, test } from 'vitest'
import { affectedPrefixes } from '../../../src/lab/scenario/held-routes.ts'
import { buildManifest } from '../../../src/plan/compile/build-manifest.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { fleetOf, osloYaml } from './fleets.ts'

const paths = {
  daemonSocket: '/s',
  announceFile: '/a',
  configFile: '/c',
  bundleDir: '/b',
  runtimeDir: '/r',
  stateDir: '/t',
}
const plan = compilePlan(fleetOf(osloYaml), () => ({ paths, listen: [], logFile: null }))
const manifest = buildManifest(plan.nodes[0]!, [], (text) => text)
const vpn = manifest.services[0]!
const twoServices = {
  ...manifest,
  services: [vpn, { ...vpn, name: 'other', prefixes: ['192.0.2.0/24', '192.0.2.9/32'] }],
}

test('a broken service affects its own prefixes', () => {
  expect([...affectedPrefixes(manifest, ({ name }) => name === 'vpn')].sort()).toEqual([
    '192.0.2.0/24',
    '192.0.2.1/32',
    '2001:db8:51::/48',
    '2001:db8:51::1/128',
  ])
})

test('a covering prefix that a healthy service shares is not affected', () => {
  expect([...affectedPrefixes(twoServices, ({ name }) => name === 'other')]).toEqual(['192.0.2.9/32'])
})

test('a stopped node affects all of its prefixes', () => {
  expect(affectedPrefixes(twoServices, () => true).size).toBe(5)
})
