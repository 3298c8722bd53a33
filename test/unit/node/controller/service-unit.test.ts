import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { requireManifest } from '../../../../src/manifest/manifest.ts'
import { ServiceUnit } from '../../../../src/node/controller/services/service-unit.ts'
import type { DecisionName } from '../../../../src/node/decision/decide.ts'
import type { Observation } from '../../../../src/node/routing/daemon.ts'

const golden = join(import.meta.dirname, '../../../golden/example/out/fra1/fra1-a/manifest.json')
const manifest = requireManifest(JSON.parse(await readFile(golden, 'utf8')))
const example = manifest.services[0]!
const restored: unknown[] = []
const endpoint = {
  isAskingClosely: false,
  runCycle: () => new Promise<never>(() => {}),
  saveSilences: () => 'silences',
  restoreSilences: (...given: unknown[]) => restored.push(...given),
  close: () => {},
}
const probes = { endpoint, side: [] }

function createUnit(prefixes: readonly string[], decision: DecisionName = 'announce'): ServiceUnit {
  const unit = new ServiceUnit({ ...example, prefixes: [...prefixes] }, probes, null, 0, 0)
  unit.state.decision = { decision, withdrawal: null, reason: 'some', detail: 'some' }
  return unit
}

function hear(counts: Record<string, number> | null): Observation {
  const heard = counts === null ? null : new Map(Object.entries(counts))
  return { originated: new Map(), neighbors: [], otherAnnouncers: heard }
}

const host = '192.0.2.1/32'
const covering = '192.0.2.0/24'

describe('the number of other nodes that announce a service', () => {
  test('is the minimum over its prefixes', () => {
    const unit = createUnit([host, covering])
    expect(unit.countOtherAnnouncers(hear({ [host]: 2, [covering]: 1 }), [unit])).toBe(1)
    expect(unit.countOtherAnnouncers(hear({ [host]: 0, [covering]: 1 }), [unit])).toBe(0)
    expect(unit.countOtherAnnouncers(hear(null), [unit])).toBe(null)
  })

  test.each<DecisionName>(['announce', 'degrade', 'hold'])(
    'ignores a prefix that stays announced because of another service: %s',
    (decision) => {
      const unit = createUnit([host, covering], 'degrade')
      const other = createUnit(['192.0.2.2/32', covering], decision)
      expect(unit.countOtherAnnouncers(hear({ [host]: 1, [covering]: 0 }), [unit, other])).toBe(1)
      expect(unit.countOtherAnnouncers(hear({ [host]: 0, [covering]: 3 }), [unit, other])).toBe(0)
    },
  )

  test('counts a shared prefix when the other service is withdrawn', () => {
    const unit = createUnit([host, covering], 'degrade')
    const other = createUnit(['192.0.2.2/32', covering], 'withdraw')
    expect(unit.countOtherAnnouncers(hear({ [host]: 1, [covering]: 0 }), [unit, other])).toBe(0)
  })

  test('ignores prefixes that no present session reports on, and is null if none is left', () => {
    const unit = createUnit([host, covering, '2001:db8:51::1/128'])
    expect(unit.countOtherAnnouncers(hear({ [covering]: 2 }), [unit])).toBe(2)
    expect(unit.countOtherAnnouncers(hear({ '192.0.2.2/32': 2 }), [unit])).toBe(null)
  })

  test('is unlimited where no prefix would be withdrawn', () => {
    const unit = createUnit([covering], 'degrade')
    const other = createUnit([covering])
    expect(unit.countOtherAnnouncers(hear({ [covering]: 0 }), [unit, other])).toBe(Number.POSITIVE_INFINITY)
  })
})

test('a drain waits for the neighbors that receive the service, and for no others', () => {
  const neighbor = (name: string, prefixes: string[]) => ({ ...manifest.neighbors[0]!, name, prefixes })
  const neighbors = [neighbor('both', [covering, '198.51.100.0/24']), neighbor('other', ['198.51.100.0/24'])]
  const unit = createUnit([covering])
  const has = (grade: 'normal' | 'degraded'): Observation => ({
    originated: new Map([[covering, 'degraded']]),
    neighbors: [
      { neighbor: 'both', session: 'up', announced: new Map([[covering, grade]]) },
      { neighbor: 'other', session: 'up', announced: new Map([['198.51.100.0/24', 'normal']]) },
    ],
    otherAnnouncers: null,
  })
  const desired = new Map([[covering, 'degraded'] as const])
  expect(unit.findDegraded(has('normal'), desired, neighbors)).toEqual({ neighbors: 0, verified: false })
  expect(unit.findDegraded(has('degraded'), desired, neighbors)).toEqual({ neighbors: 1, verified: true })
})

test('the pauses of an endpoint outlive the controller', () => {
  const unit = createUnit([host])
  const saved = unit.save(0, 1000)
  expect(saved.silences).toBe('silences')
  new ServiceUnit(example, probes, { of: saved, at: 1000 }, 0, 5000)
  expect(restored).toEqual(['silences', 4000])
})
