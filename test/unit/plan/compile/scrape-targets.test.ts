import { expect, test } from 'vitest'
import { describeScrapeTargets } from '../../../../src/plan/compile/scrape-targets.ts'
import type { Fleet } from '../../../../src/plan/sites/fleet.ts'

test('a node is scraped at its unicast address, or else at the host of ssh, with its site and name as labels', () => {
  const node = (name: string, unicast: string | null, ssh = name) => ({ name, unicast, ssh })
  const fleet = {
    listen: '[::]:9586',
    sites: [
      { name: 'lon1', nodes: [node('lon1-a', '2001:db8:30::3')] },
      {
        name: 'fra1',
        nodes: [node('fra1-b', null, 'admin@fra1-b.example.net'), node('fra1-a', '198.51.100.1')],
      },
    ],
  } as unknown as Fleet
  expect(JSON.parse(describeScrapeTargets(fleet))).toEqual([
    { targets: ['198.51.100.1:9586'], labels: { site: 'fra1', node: 'fra1-a' } },
    { targets: ['fra1-b.example.net:9586'], labels: { site: 'fra1', node: 'fra1-b' } },
    { targets: ['[2001:db8:30::3]:9586'], labels: { site: 'lon1', node: 'lon1-a' } },
  ])
})
