import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientScenarioNames } from '../../../src/lab/scenario/names.ts'
import { patience } from '../../patience.ts'
import { labDown, labUp } from '../fixtures/lab/lab.ts'
import { findLeftovers } from '../fixtures/lab/leftovers.ts'
import { rescuedMs, runScenario } from '../fixtures/rescue/run-scenario.ts'

describe('the scenarios about a client, with session rescue', () => {
  beforeAll(async () => {
    await labUp('test/e2e/rescue/shared-sites')
  }, patience(180_000))
  afterAll(async () => {
    await labDown()
    expect(await findLeftovers()).toEqual([])
  }, patience(60_000))

  test.each(['drain', ...clientScenarioNames])(
    '%s at a site with BIRD and at one with FRR: the client is at another site at once',
    async (name) => {
      const { results, stderr } = await runScenario(name, '--node', 'oslo-a', '--node', 'rome-a')
      expect(
        results.map(({ daemon }) => daemon),
        stderr,
      ).toEqual(['bird', 'frr'])
      for (const { clientOutageMs, packetsLost, detail, withdrawnMs, restoredMs, node } of results) {
        expect(detail).toContain(`client-${node.split('-')[0]} was at another site`)
        expect(clientOutageMs, detail).toBeLessThan(patience(rescuedMs))
        expect(packetsLost, detail).toBeLessThan(patience(rescuedMs) / 20)
        expect(restoredMs, detail).toBeGreaterThan(0)
        if (name === 'site-change-silent') expect(detail).toContain('never lost a route')
        else expect(withdrawnMs, detail).toBeGreaterThan(0)
        if (name === 'site-change-silent' || name === 'flap-back')
          expect(detail).toContain('was back at its own')
        if (name === 'ghost') expect(detail).toContain('tried a handshake, and the fence dropped it')
      }
    },
    patience(240_000),
  )
})

describe('the scenarios about a client, without session rescue', () => {
  beforeAll(async () => {
    await labUp('sites')
  }, patience(180_000))
  afterAll(labDown, patience(60_000))

  // In one lab, whose nodes return degraded for 10 s: until then a client has its session elsewhere.
  test.each(['ghost', 'drain'])(
    '%s: a withdrawn site whose WireGuard runs does not keep its client, which is back by its own timers',
    async (name) => {
      const { results, stderr } = await runScenario(name, '--node', 'ams1-a')
      expect(results, stderr).toHaveLength(1)
      const { clientOutageMs, detail } = results[0]!
      if (name === 'ghost') expect(detail).toContain('tried a handshake, and the fence dropped it')
      // 15 s after the first packet without an answer, and at most 334 ms of jitter: never the 118 s of a ghost.
      expect(clientOutageMs, detail).toBeLessThan(patience(16_000))
      expect(clientOutageMs, detail).toBeGreaterThan(rescuedMs)
    },
    patience(180_000),
  )

  test('what the fleet does not allow is refused, with the reason and what to do', async () => {
    const { results, stderr } = await runScenario('nat-client')
    expect(results).toEqual([])
    expect(stderr).toContain('nat-client is not possible with this fleet: it has no `rescue` in fleet.yaml')
    expect(stderr).toContain('add `rescue` to fleet.yaml')
  })
})
