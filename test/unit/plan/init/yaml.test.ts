import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { noAnswers } from '../../../../src/plan/init/answers.ts'
import { writeFleetFile, writeSiteFile } from '../../../../src/plan/init/yaml.ts'

test('any text of an answer or of a session comes back from the YAML as it was', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('no', '1.5', '12:30', '::1', '2001:db8::', '# x', '~'),
  )
  fc.assert(
    fc.property(text, text, (one, other) => {
      const neighbor = { values: { name: one, list: [one, { key: other }] }, comments: {}, source: null }
      const answers = {
        ...noAnswers,
        anycast: [one, other],
        interface: other,
        site: one,
        neighbors: [neighbor],
      }
      // A number is one in the YAML too: an AS number, a port.
      const back = (value: string) => (/^\d+$/.test(value) ? Number(value) : value)
      const fleet = parse(writeFleetFile(answers), { schema: 'core' })
      expect(fleet.services.vpn.anycast).toEqual([back(one), back(other)])
      expect(fleet.services.vpn.wireguard.interface).toEqual(back(other))
      const site = parse(writeSiteFile(answers), { schema: 'core' })
      expect(site.site).toEqual(back(one))
      expect(site.nodes[0].neighbors).toEqual([{ name: back(one), list: [back(one), { key: back(other) }] }])
    }),
    { numRuns: 300 },
  )
})
