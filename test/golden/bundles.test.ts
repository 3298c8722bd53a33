import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findMissingPrograms } from '../../src/linux/programs.ts'
import { compilePlan } from '../../src/plan/compile/compile-plan.ts'
import { debianLayout } from '../../src/plan/compile/layout.ts'
import { createRenderer } from '../../src/plan/render/render.ts'
import { checkBundle } from '../../src/plan/service/check-bundle.ts'
import { renderBundle } from '../../src/plan/service/render-bundle.ts'
import { loadTemplates } from '../../src/plan/service/templates.ts'
import type { FleetNode } from '../../src/plan/sites/fleet.ts'
import { requireFleet } from '../../src/plan/sites/load.ts'
import { installedVersion } from '../installed-version.ts'

const missing = await findMissingPrograms(['bird', 'bgpd', 'vtysh', 'unshare'])
/** The daemons may be missing on a laptop, not in CI. */
const isUncheckable = missing.length > 0 && process.env.CI !== 'true'
const templates = await loadTemplates()
const render = createRenderer(templates)

async function planOf(sites: string, versionOf: VersionOf = (node) => node.daemonVersion) {
  const read = await requireFleet(sites)
  const fleet = {
    ...read,
    sites: read.sites.map((site) => ({
      ...site,
      nodes: site.nodes.map((node) => ({ ...node, daemonVersion: versionOf(node) })),
    })),
  }
  return compilePlan(fleet, (_site, node) => debianLayout(fleet, node))
}

type VersionOf = (node: FleetNode) => string | null

/** The golden files are for several versions; a parser gets what is for its own. */
const here: VersionOf = ({ daemon }) => installedVersion(daemon)

/** The example fleet, and one with all six kinds of neighbor in both families on both daemons. */
describe.each([
  ['example', 'sites'],
  ['kinds', 'test/golden/kinds'],
])('the bundles of the %s fleet', async (name, sites) => {
  const plan = await planOf(sites)
  const forThisMachine = await planOf(sites, here)

  test.each(plan.nodes.map((node) => [node.node, node] as const))(
    '%s match the golden files',
    async (_node, node) => {
      for (const file of renderBundle(render, node)) {
        const golden = join(import.meta.dirname, name, 'out', node.site, node.node, file.path)
        await expect(file.content).toMatchFileSnapshot(golden)
      }
    },
  )

  test.skipIf(isUncheckable).each(forThisMachine.nodes.map((node) => [node.node, node] as const))(
    '%s are taken by the daemon itself',
    async (_node, node) => {
      expect(await checkBundle(render, node)).toEqual({ outcome: 'passed' })
    },
    90_000,
  )

  test('are the same when they are planned again', async () => {
    const again = await planOf(sites)
    expect(again.nodes.map((node) => renderBundle(render, node))).toEqual(
      plan.nodes.map((node) => renderBundle(render, node)),
    )
  })
})

describe.skipIf(isUncheckable)('the daemon’s own parser', async () => {
  const plan = await planOf('sites', here)
  const spoil = (path: string, from: string, to: string) => {
    const source = templates.get(path)!
    expect(source).toContain(from)
    return createRenderer(new Map(templates).set(path, source.replace(from, to)))
  }

  test('of BIRD refuses an invalid filter', async () => {
    const node = plan.nodes.find(({ daemon }) => daemon === 'bird')!
    const result = await checkBundle(spoil('bird/bird.conf.hbs', 'source = RTS_BGP', 'source is'), node)
    expect(result).toMatchObject({ outcome: 'rejected' })
    expect(JSON.stringify(result)).toContain('bird.conf:')
  })

  test.each([
    ['an unknown command', 'update-source', 'update-sauce'],
    ['a value that bgpd refuses', 'no bgp network import-check', 'bgp cluster-id 0.0.0.0.0'],
    ['an invalid BFD profile', 'detect-multiplier {{multiplier}}', 'detect-multiplier many'],
  ])('of FRR refuses %s', async (_title, from, to) => {
    const node = plan.nodes.find(({ daemon }) => daemon === 'frr')!
    const result = await checkBundle(spoil('frr/frr.conf.hbs', from, to), node)
    expect(result).toMatchObject({ outcome: 'rejected' })
  })

  test('of FRR does not check what is for another version', async () => {
    const other = installedVersion('frr')!.startsWith('8.') ? '10.3' : '8.4.4'
    const { nodes } = await planOf('test/golden/kinds', ({ daemon }) => (daemon === 'frr' ? other : null))
    const node = nodes.find(({ daemon, rpki }) => daemon === 'frr' && rpki !== null)!
    expect(await checkBundle(render, node)).toEqual({
      outcome: 'other-version',
      installed: installedVersion('frr'),
    })
  })
})
