import { expect, test } from 'vitest'
import { compareBundles } from '../../../../src/manifest/compare/compare.ts'
import { ownPrefixesOf } from '../../../../src/node/routing/own-prefixes.ts'
import { buildManifest } from '../../../../src/plan/compile/build-manifest.ts'
import { compilePlan } from '../../../../src/plan/compile/compile-plan.ts'
import { coverageOf } from '../../../../src/plan/compile/coverage.ts'
import { debianLayout } from '../../../../src/plan/compile/layout.ts'
import { announcementsOf } from '../../../../src/plan/compile/own-announcements.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { twoServices } from '../../../invalid/base.ts'

/** A stand-in for a hash: only its dependence on the text matters. */
function hash(text: string): string {
  let value = 7
  for (const letter of text) value = (value * 31 + letter.charCodeAt(0)) % 0xffffff
  return value.toString(16).padStart(12, '0')
}

function planOf(
  fields: string,
  services: { vpn?: string; office?: string } = {},
  edit = (text: string) => text,
) {
  const whole = twoServices(fields, services)
  const texts = { ...whole, 'ams1.yaml': edit(whole['ams1.yaml']!) }
  const { fleet, issues } = parseFleet(Object.entries(texts).map(([name, text]) => ({ name, text })))
  if (fleet === null) throw new Error(JSON.stringify(issues))
  const plan = compilePlan(fleet, (_site, node) => debianLayout(fleet, node))
  const node = plan.nodes.find(({ node }) => node === 'ams1-a')!
  return { fleet, plan, node, manifest: buildManifest(node, [], hash) }
}

test('each neighbor has the prefixes of its own services in the manifest', () => {
  const { manifest } = planOf('services: [office]')
  expect(manifest.neighbors.map(({ name, prefixes }) => [name, prefixes])).toEqual([
    ['transit2', ['198.51.100.0/24']],
    ['tor2', ['2001:db8:51::/48', '2001:db8:51::1/128']],
  ])
  expect(manifest.services.map(({ name }) => name)).toEqual(['office', 'vpn'])
})

test('a service that no neighbor of a site receives is announced nowhere there', () => {
  const { fleet, plan } = planOf('services: []')
  expect(coverageOf(fleet, plan).find(({ service }) => service === 'office')).toMatchObject({
    missing: [
      { site: 'ams1', reason: 'told-nobody' },
      { site: 'fra1', reason: 'not-served' },
    ],
  })
})

test('a plan reports announcements that begin or end at one neighbor', () => {
  const { announcements, effect } = compareBundles(
    planOf('services: [office]').manifest,
    planOf('services: [vpn]').manifest,
  )
  expect(announcements.filter(({ change }) => change !== 'same')).toEqual([
    { node: 'ams1-a', neighbor: 'transit2', prefix: '192.0.2.0/24', change: 'new' },
    { node: 'ams1-a', neighbor: 'transit2', prefix: '198.51.100.0/24', change: 'removed' },
  ])
  expect(effect).toBe('reload')
})

test.each([
  ['the first', { office: 'communities: ["64500:1"]' }],
  ['the second', { vpn: 'communities: ["64500:1"]' }],
])('a plan reports changed communities of %s service', (_which, changed) => {
  const both = { vpn: 'communities: ["64500:9"]', office: 'communities: ["64500:9"]' }
  const { sessions } = compareBundles(
    planOf('med: 1', both).manifest,
    planOf('med: 1', { ...both, ...changed }).manifest,
  )
  expect(sessions.find(({ neighbor }) => neighbor === 'transit2')).toMatchObject({
    effect: 'reload',
    rules: [{ rule: 'service-communities', direction: 'export', change: 'changed' }],
  })
})

test('prefixes of alwaysAnnounce go to each neighbor of their family, belong to no service, and are checked before flight', () => {
  const announce = (text: string) =>
    text.replace(
      'services: [vpn, office]',
      'services: [vpn, office]\n    alwaysAnnounce: [45.9.0.0/24, 45.8.0.1/32]',
    )
  const before = planOf('services: []', {}, (text) => text.replace('2001:db8:21::1', '10.2.1.3'))
  const after = planOf('services: []', {}, (text) => announce(text).replace('2001:db8:21::1', '10.2.1.3'))
  expect(after.manifest.alwaysAnnounce).toEqual(['45.8.0.1/32', '45.9.0.0/24'])
  expect(after.manifest.neighbors.map(({ prefixes }) => prefixes)).toEqual([
    ['45.9.0.0/24'],
    ['45.8.0.1/32', '45.9.0.0/24', '192.0.2.0/24', '192.0.2.1/32', '198.51.100.0/24', '198.51.100.7/32'],
  ])
  expect(after.manifest.services).toEqual(before.manifest.services)
  expect([...ownPrefixesOf(after.manifest)].filter((prefix) => prefix.startsWith('45.'))).toEqual([])
  expect(announcementsOf(after.plan.nodes, after.fleet).map(({ prefix }) => String(prefix))).toContain(
    '45.9.0.0/24',
  )
  expect(announcementsOf(after.plan.nodes, after.fleet).map(({ prefix }) => String(prefix))).not.toContain(
    '45.8.0.1/32',
  )
  const comparison = compareBundles(before.manifest, after.manifest)
  expect(comparison).toMatchObject({ effect: 'reload', why: ['the prefixes of alwaysAnnounce change'] })
  expect(comparison.announcements).toContainEqual({
    node: 'ams1-a',
    neighbor: 'transit2',
    prefix: '45.9.0.0/24',
    change: 'new',
  })
  const message =
    '45.9.0.0/24, 45.8.0.1/32 is announced whenever the daemon runs, also without a controller (alwaysAnnounce)'
  expect(after.plan.notices).toContainEqual({ node: 'ams1-a', neighbor: null, message })
})

test('a prefix of alwaysAnnounce is refused from other networks, as are those of services', () => {
  const { plan } = planOf('services: []', {}, (text) =>
    text.replace('services: [vpn, office]', 'services: [vpn, office]\n    alwaysAnnounce: [45.9.0.0/24]'),
  )
  const near = plan.nodes.find(({ node }) => node === 'ams1-a')!.sessions[0]!
  const rule = near.channels[0]!.import.rules.find(({ id }) => id === 'own-prefix')!
  expect(JSON.stringify(rule.match)).toContain('45.9.0.0/24')
})
