import { expect, test } from 'vitest'
import { neighborKinds } from '../../../../src/manifest/words.ts'
import { exactly } from '../../../../src/net/prefix-range.ts'
import { compileExport, compileImport, roleOf } from '../../../../src/plan/policy/compile-policy.ts'
import { importsByKind, relaxableRules, rolesByKind } from '../../../../src/plan/sites/fleet.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { base } from '../../../invalid/base.ts'

const asked =
  'tighten: { notFound: accept, rejectPrefixes: [PREFIX], rejectAsns: [64666], onlyPrefixes: [PREFIX] }'

/** Every kind, import and family, with and without the optional settings. */
const neighbors = neighborKinds.flatMap((kind) =>
  importsByKind[kind].flatMap((taken) =>
    ['10.1.1.9', '2001:db8:11::9'].flatMap((address) =>
      ['', asked].map((fields) => [kind, taken, address, fields] as const),
    ),
  ),
)

test.each(neighbors)(
  'relax warns about rules that the policy does not have: %s, import: %s, %s, {%s}',
  (kind, taken, address, fields) => {
    const asn = kind === 'ibgp' ? 64500 : 64601
    const prefix = address.includes(':') ? '"2001:db8:f::/48"' : '203.0.113.0/24'
    for (const rule of relaxableRules) {
      const neighbor = `{ name: n, kind: ${kind}, asn: ${asn}, address: "${address}", import: ${taken}, limit: 9, relax: [${rule}], ${fields.replaceAll('PREFIX', prefix)} }`
      const text = base['fra1.yaml']!.replace('neighbors:\n', `neighbors:\n      - ${neighbor}\n`)
      const { fleet, issues } = parseFleet([
        { name: 'fleet.yaml', text: base['fleet.yaml']! },
        { name: 'fra1.yaml', text },
      ])
      const parsed = fleet!.sites[0]!.nodes[0]!.neighbors[0]!
      const own = fleet!.services.flatMap((service) => service.covering)
      const input = {
        family: parsed.address!.family,
        ourAsn: fleet!.asn,
        nodeAsn: fleet!.asn,
        otherAsns: [],
        ownPrefixes: own,
        exports: own,
        bogonsAllowed: fleet!.bogonsAllowed,
        rpki: fleet!.rpki,
        communities: [],
        announcesAlways: false,
        serviceExports: [],
        irr: parsed.irr === null ? null : own.map(exactly),
        neighbor: parsed,
      }
      const relaxed = [...compileImport(input).relaxed, ...compileExport(input).relaxed].map(({ id }) => id)
      const warned = issues.some(
        ({ path, message }) => path.endsWith('.relax[0]') && !message.includes('is required by'),
      )
      expect(`${rule}: ${warned ? 'idle' : 'holds'}`).toBe(
        `${rule}: ${relaxed.includes(rule) ? 'holds' : 'idle'}`,
      )
    }
  },
)

test.each(neighborKinds)('the first role of kind %s is the one in its policy', (kind) => {
  const { fleet } = parseFleet(Object.entries(base).map(([name, text]) => ({ name, text })))
  const neighbor = { ...fleet!.sites[0]!.nodes[0]!.neighbors[0]!, kind, role: null }
  expect(roleOf(neighbor) ?? 'none').toBe(rolesByKind[kind][0] ?? 'none')
})
