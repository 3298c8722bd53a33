import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ManifestService, requireManifest } from '../../../../src/manifest/manifest.ts'
import { ServiceState } from '../../../../src/node/controller/services/service-state.ts'
import type { DecisionContext } from '../../../../src/node/decision/decide.ts'
import { restoreHealth, saveHealth } from '../../../../src/node/health/record.ts'
import type { ProbeResult } from '../../../../src/node/probe/result.ts'

const golden = join(import.meta.dirname, '../../../golden/example/out/fra1/fra1-a/manifest.json')
const example = requireManifest(JSON.parse(await readFile(golden, 'utf8'))).services[0]!
const service: ManifestService = {
  ...example,
  probe: {
    ...example.probe,
    intervalMs: 200,
    rise: 3,
    fall: 3,
    checks: ['handshake', 'ping', 'command'],
    window: { size: 20, maxLoss: 0.2 },
    holdDown: { initialMs: 5000, maxMs: 600_000 },
    command: { intervalMs: 5000, timeoutMs: 1000, rise: 1, fall: 1, argv: ['/bin/true'] },
  },
  when: { dead: 'withdraw', impaired: 'degrade' },
}

const context: DecisionContext = {
  intent: 'serve',
  forced: false,
  drainStage: 'none',
  stopping: false,
  degradable: true,
  otherAnnouncers: null,
  permit: null,
  outOfReach: null,
}
const good: ProbeResult = { outcome: 'good', handshakeMs: 1, pingMs: 1 }
const silent: ProbeResult = { outcome: 'bad', check: 'ping', cause: 'no-reply', detail: 'no reply' }

/** One service, and a clock that advances 200 ms with each probe. */
class Site {
  readonly state: ServiceState
  now: number

  constructor(state: ServiceState, now: number) {
    this.state = state
    this.now = now
  }

  probe(times: number, result: ProbeResult, lateMs = 0): string {
    for (let probe = 0; probe < times; probe += 1) {
      this.now += 200
      this.state.takeProbe(result, this.now - 100, this.now, lateMs)
    }
    return this.decide()
  }

  decide(): string {
    this.state.decide(context, 0)
    const { decision, reason } = this.state.decision
    return `${decision} ${reason}`
  }
}

function newSite(): Site {
  return new Site(new ServiceState(service, 0, 0), 0)
}

describe('the state of a service', () => {
  test('changes from starting to healthy, dead, hold-down and healthy again', () => {
    const site = newSite()
    expect(site.probe(2, good)).toBe('hold starting')
    expect(site.probe(1, good)).toBe('announce healthy')
    expect(site.probe(3, silent)).toBe('withdraw no-reply')
    expect(site.probe(2, good)).toBe('withdraw no-reply')
    expect(site.probe(1, good)).toBe('withdraw hold-down')
    expect(site.state.snapshot(site.now)).toMatchObject({
      health: 'unhealthy',
      holdDownLeftMs: 4600,
      flaps: 1,
      troubleMs: null,
    })
    expect(site.probe(23, good)).toBe('announce healthy')
    expect(site.state.snapshot(site.now)).toMatchObject({ health: 'healthy', holdDownLeftMs: null })
  })

  test('is degraded by a failed side check, and its checks name that one', () => {
    const site = newSite()
    site.probe(3, good)
    const failed = { check: 'command', cause: 'command-failed', detail: 'exit code 1', tookMs: 3 } as const
    site.state.takeSide({ ...failed, outcome: 'bad' }, site.now)
    expect(site.decide()).toBe('degrade command-failed')
    expect(site.state.checks()).toEqual({ handshake: true, ping: true, command: false, source: true })
    expect(site.state.snapshot(site.now + 400)).toMatchObject({ health: 'impaired', troubleMs: 400 })
  })

  test('reports the share of lost probes', () => {
    const site = newSite()
    site.probe(3, good)
    for (let round = 0; round < 5; round += 1) {
      site.probe(1, silent)
      site.probe(1, good)
    }
    expect(site.decide()).toBe('degrade loss')
    expect(site.state.snapshot(site.now).lossShare).toBe(0.25)
  })

  test('failure 13: is not dead because of replies that this machine was too late to read', () => {
    const site = newSite()
    site.probe(3, good)
    expect(site.probe(20, silent, 150)).toBe('announce healthy')
    expect(site.state.lastProbe).toMatchObject({ outcome: 'inconclusive', cause: 'starved' })
    expect(site.state.snapshot(site.now).late).toEqual({ inRow: 20, total: 20 })
    expect(site.probe(40, silent, 150)).toBe('degrade starved')
    expect(site.probe(1, good, 150)).toBe('degrade hold-down')
  })

  test('continues the hold-down after a restart', () => {
    const site = newSite()
    site.probe(3, good)
    site.probe(3, silent)
    site.probe(11, good)
    const record: unknown = JSON.parse(JSON.stringify(saveHealth(site.state.health, site.now, 1e12)))
    const health = restoreHealth(record, 0, 1e12 + 5000, service.probe)
    const next = new Site(new ServiceState(service, 0, 0, health), 0)
    expect(next.probe(2, good)).toBe('hold starting')
    expect(next.probe(1, good)).toBe('hold hold-down')
    expect(next.state.snapshot(next.now).holdDownLeftMs).toBe(2400)
  })

  test('reports the time of the last decision, and of the last change of its reason', () => {
    const state = new ServiceState(service, 0, 1)
    for (const now of [200, 400, 600]) state.takeProbe(good, now, now)
    expect(state.decide(context, 2)).toBe(true)
    expect(state.decide(context, 3)).toBe(false)
    expect(state.decidedAt).toBe(2)
    for (const now of [800, 1000, 1200]) state.takeProbe(silent, now, now)
    expect(state.decide(context, 4)).toBe(true)
    for (const now of [1400, 1600, 1800]) state.takeProbe(good, now, now)
    expect(state.decide(context, 5)).toBe(true)
    expect(state.decision).toMatchObject({ decision: 'withdraw', reason: 'hold-down' })
    expect(state.decidedAt).toBe(4)
  })
})
