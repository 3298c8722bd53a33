import { describe, expect, test } from 'vitest'
import { chooseScenarios } from '../../../src/cli/rehearse/choose-scenarios.ts'
import { clientScenarios } from '../../../src/lab/scenario/client/client-scenarios.ts'
import { clientLimitMs, judgeClient } from '../../../src/lab/scenario/client/judge.ts'
import { obstacleOf } from '../../../src/lab/scenario/client/obstacle.ts'
import { parseHandshake } from '../../../src/lab/scenario/client/serving.ts'
import { parseCounters } from '../../../src/lab/scenario/faults/ghost.ts'
import { clientScenarioNames, scenarioNames } from '../../../src/lab/scenario/names.ts'
import type { Stage } from '../../../src/lab/scenario/scenario.ts'
import { scenarios } from '../../../src/lab/scenario/scenarios.ts'

const named = (wanted: string) => [...scenarios, ...clientScenarios].find(({ name }) => name === wanted)!

/** Of a stage: what the functions here read. */
function stageOf({
  rescue = true,
  sites = ['oslo', 'rome'],
  router = 'tor',
}: {
  rescue?: boolean
  sites?: string[]
  router?: string | null
}): Stage {
  const nodes = sites.map((site) => ({ name: `${site}-a`, site, wireguard: [{ service: 'vpn' }] }))
  return {
    manifest: { rescue: rescue ? {} : null, services: [] },
    node: { ...nodes[0], daemon: 'bird' },
    client: { name: 'client-oslo', service: 'vpn', router },
    state: { nodes },
  } as unknown as Stage
}

describe('the choice of scenarios', () => {
  const names = (...input: Parameters<typeof chooseScenarios>) =>
    chooseScenarios(...input).scenarios.map(({ name }) => name)

  test('without names, those about the client run in a fleet with session rescue', () => {
    const lab = { hasStore: false, hasRescue: true }
    expect(names([], lab, true)).toEqual([...scenarioNames, ...clientScenarioNames])
    expect(names([], lab, false)).toEqual(scenarioNames)
    expect(names([], { ...lab, hasRescue: false }, true)).toEqual(scenarioNames)
  })

  test('a scenario that the fleet does not allow is refused with the reason; the fence needs nothing', () => {
    const lab = { hasStore: false, hasRescue: false }
    expect(() => names(['nat-client'], lab, true)).toThrow(
      'nat-client is not possible with this fleet: it has no `rescue` in fleet.yaml',
    )
    expect(names(['ghost'], lab, true)).toEqual(['ghost'])
    expect(() => names(['all-sites-bad'], lab, true)).toThrow('needs a store')
    expect(() => names(['ghosts'], lab, true)).toThrow('no scenario is called ghosts')
  })
})

describe('what a scenario about the client needs', () => {
  test.each([
    ['site-change-told', {}, null],
    ['site-change-told', { rescue: false }, 'no `rescue`'],
    ['ghost', { rescue: false }, null],
    ['ghost', { sites: ['oslo'] }, 'no other site serves vpn'],
    ['site-change-silent', { router: null }, 'no router of its own'],
    ['drain', { rescue: false, sites: ['oslo'] }, null],
  ])('%s with %j: %s', (name, fleet, expected) => {
    const found = obstacleOf(named(name), stageOf(fleet))
    if (expected === null) expect(found).toBeNull()
    else expect(found).toContain(expected)
  })
})

describe('the limit of a client', () => {
  test('with session rescue, a client may be without service for 3 s more than its site needs to notice', () => {
    expect(clientLimitMs(named('drain'), stageOf({}))).toBe(3000)
    expect(clientLimitMs(named('site-change-silent'), stageOf({}))).toBe(3000)
    expect(clientLimitMs(named('wireguard-down'), stageOf({}))).toBe(3000 + 75)
    expect(clientLimitMs(named('daemon-restart'), stageOf({}))).toBeNull()
  })

  test('without it, only the scenarios about the client have one, which WireGuard’s own timers meet', () => {
    expect(clientLimitMs(named('wireguard-down'), stageOf({ rescue: false }))).toBeNull()
    expect(clientLimitMs(named('ghost'), stageOf({ rescue: false }))).toBe(20_000)
  })

  test('a longer outage, a client without replies and one that does not move are problems', () => {
    const back = { kind: 'back', outage: { durationMs: 3001, packetsLost: 9 } } as const
    expect(judgeClient('c', [back], 3000)).toEqual(['c had no replies for more than 3000 ms'])
    expect(judgeClient('c', [back], 3001)).toEqual([])
    expect(judgeClient('c', [{ kind: 'dark' }, { kind: 'stays' }], 3000)).toHaveLength(2)
    expect(judgeClient('c', [{ kind: 'dark' }], null)).toEqual([])
  })
})

test('a handshake is that of the key, and 0 where there is none', () => {
  const text = 'AAAA=\t1796037282\nAAAB=\t0\n'
  expect(parseHandshake(text, 'AAAA=')).toBe(1_796_037_282)
  expect(parseHandshake(text, 'AAAB=')).toBe(0)
  expect(parseHandshake(text, 'AAAC=')).toBe(0)
})

test('the counters of nft are read by their names', () => {
  const counter = (name: string, packets: number) => ({
    counter: { family: 'inet', name, packets, bytes: 1 },
  })
  const nftables = [{ metainfo: { version: '1.0.6' } }, counter('left', 0), counter('tried', 4)]
  expect(parseCounters(JSON.stringify({ nftables }))).toEqual({ tried: 4, left: 0 })
})
