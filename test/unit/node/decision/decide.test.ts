import { describe, expect, test } from 'vitest'
import { type DecisionInput, decideAnnouncement } from '../../../../src/node/decision/decide.ts'
import type { OtherAnnouncers } from '../../../../src/node/decision/other-announcers.ts'
import { initialHealth } from '../../../../src/node/health/health.ts'
import type { HealthState } from '../../../../src/node/health/state.ts'

const unknown = initialHealth(0)
const healthy: HealthState = { ...unknown, status: 'healthy' }
const refused = { check: 'handshake', cause: 'refused', detail: 'nothing listens' } as const
const dead: HealthState = { ...unknown, status: 'unhealthy', problem: refused, proven: refused }
const linkless: HealthState = {
  ...dead,
  linkProblem: { check: 'address', cause: 'address-missing', detail: '192.0.2.1 is not on this node' },
}
const recovering: HealthState = { ...dead, problem: null, proven: null }
const held: HealthState = { ...recovering, flaps: { count: 3, calmSince: null } }
const lossy: HealthState = {
  ...healthy,
  status: 'impaired',
  // With a single bad probe: the impairment is the reason, not the probe.
  problem: refused,
  loss: { check: 'ping', cause: 'loss', detail: '11 of the last 50 probes were bad' },
}
const starved: HealthState = {
  ...healthy,
  status: 'impaired',
  starved: { check: 'handshake', cause: 'starved', detail: 'this machine is late' },
}
const impairedHeld: HealthState = { ...held, status: 'impaired' }

const others = (count: number): OtherAnnouncers => ({ source: 'ibgp', count })

const calm = {
  intent: 'serve',
  drainStage: 'none',
  stopping: false,
  degradable: true,
  otherAnnouncers: others(2),
  service: { onStop: 'withdraw', when: { dead: 'withdraw', impaired: 'degrade' }, minSites: 1 },
} as const satisfies Omit<DecisionInput, 'health'>
const keepOnStop = { ...calm.service, onStop: 'keep' } as const
const strict = { ...calm.service, when: { dead: 'withdraw', impaired: 'withdraw' } } as const
const clinging = { ...calm.service, when: { dead: 'degrade', impaired: 'degrade' } } as const

type Row = readonly [title: string, input: DecisionInput, decision: string, reason: string]

function check(rows: readonly Row[]): void {
  test.each(rows)('%s', (_title, input, decision, reason) => {
    expect(decideAnnouncement(input)).toMatchObject({ decision, reason })
  })
}

describe('health', () => {
  check([
    ['a start holds the present announcement', { ...calm, health: unknown }, 'hold', 'starting'],
    ['a healthy endpoint is announced', { ...calm, health: healthy }, 'announce', 'healthy'],
    [
      'a dead one is withdrawn, with the cause as the reason',
      { ...calm, health: dead },
      'withdraw',
      'refused',
    ],
    ['one that is good again waits for rise', { ...calm, health: recovering }, 'withdraw', 'recovering'],
    ['or, with flaps, for the hold-down', { ...calm, health: held }, 'withdraw', 'hold-down'],
    [
      'a hold-down that runs at a start holds the present announcement',
      { ...calm, health: { ...held, status: 'unknown', heldUntil: 9000 } },
      'hold',
      'hold-down',
    ],
    ['an impaired one is degraded, with its cause', { ...calm, health: lossy }, 'degrade', 'loss'],
    [
      'or withdrawn, with `impaired: withdraw`',
      { ...calm, health: lossy, service: strict },
      'withdraw',
      'loss',
    ],
    ['and stays so for the hold-down', { ...calm, health: impairedHeld }, 'degrade', 'hold-down'],
    [
      'or withdrawn for the hold-down',
      { ...calm, health: impairedHeld, service: strict },
      'withdraw',
      'hold-down',
    ],
    [
      'a dead one is degraded, with `dead: degrade`',
      { ...calm, health: dead, service: clinging },
      'degrade',
      'refused',
    ],
    [
      'but not without its address',
      { ...calm, health: linkless, service: clinging },
      'withdraw',
      'address-missing',
    ],
    [
      'nor without degraded routes in the daemon',
      { ...calm, health: dead, service: clinging, degradable: false },
      'withdraw',
      'refused',
    ],
    [
      'an impaired one is announced without degraded routes in the daemon',
      { ...calm, health: lossy, degradable: false },
      'announce',
      'loss',
    ],
  ])

  test('reports that the daemon has no degraded routes', () => {
    expect(decideAnnouncement({ ...calm, health: lossy, degradable: false }).detail).toBe(
      "11 of the last 50 probes were bad; not degraded: the daemon's configuration does not support it",
    )
  })
})

describe('failure 13: a starved host', () => {
  check([
    ['degrades its service', { ...calm, health: starved }, 'degrade', 'starved'],
    [
      'never withdraws it: nothing is proven',
      { ...calm, health: starved, service: strict },
      'hold',
      'starved',
    ],
    [
      'is the reason also while the health is unknown',
      { ...calm, health: { ...starved, status: 'unknown' } },
      'hold',
      'starved',
    ],
  ])
})

describe('the operator', () => {
  check([
    [
      'withdraws in any health',
      { ...calm, health: healthy, intent: 'withdraw' },
      'withdraw',
      'operator-withdrew',
    ],
    [
      'withdraws also the last site',
      { ...calm, health: dead, intent: 'withdraw', otherAnnouncers: others(0) },
      'withdraw',
      'operator-withdrew',
    ],
    ['drains: degraded first', { ...draining(healthy) }, 'degrade', 'draining'],
    ['drains an impaired service', { ...draining(lossy) }, 'degrade', 'draining'],
    ['drains, but a dead service is withdrawn at once', { ...draining(dead) }, 'withdraw', 'refused'],
    [
      'drains, and keeps no last site',
      { ...draining(dead), otherAnnouncers: others(0) },
      'withdraw',
      'refused',
    ],
    [
      'drains, but an impaired service with `impaired: withdraw` is withdrawn at once',
      { ...draining(lossy), service: strict },
      'withdraw',
      'loss',
    ],
    ['holds a service of unknown health during a drain', { ...draining(unknown) }, 'hold', 'starting'],
    ['has drained', { ...draining(healthy), drainStage: 'drained' }, 'withdraw', 'drained'],
    [
      'has drained a service that is dead now',
      { ...draining(dead), drainStage: 'drained' },
      'withdraw',
      'drained',
    ],
    [
      'drains at once where there are no stages',
      { ...calm, health: healthy, intent: 'drain' },
      'withdraw',
      'drained',
    ],
    [
      'ends a drain degraded at first',
      { ...calm, health: healthy, drainStage: 'returning' },
      'degrade',
      'returning',
    ],
    [
      'ends a drain with an impairment as the reason',
      { ...calm, health: lossy, drainStage: 'returning' },
      'degrade',
      'loss',
    ],
  ])

  function draining(health: HealthState): DecisionInput {
    return { ...calm, health, intent: 'drain', drainStage: 'degrading' }
  }
})

describe('a stop', () => {
  check([
    ['withdraws', { ...calm, health: healthy, stopping: true }, 'withdraw', 'stopping'],
    [
      'or keeps, with `onStop: keep`',
      { ...calm, health: healthy, stopping: true, service: keepOnStop },
      'hold',
      'stopping-keep',
    ],
    [
      'never keeps a dead one',
      { ...calm, health: dead, stopping: true, service: keepOnStop },
      'withdraw',
      'refused',
    ],
    [
      'never keeps a dead one that is announced degraded',
      { ...calm, health: dead, stopping: true, service: { ...clinging, onStop: 'keep' } },
      'withdraw',
      'refused',
    ],
    [
      'keeps no last site',
      { ...calm, health: dead, stopping: true, otherAnnouncers: others(0) },
      'withdraw',
      'refused',
    ],
  ])
})

describe('failure 22: every site unhealthy at once', () => {
  check([
    [
      'the last site stays, degraded',
      { ...calm, health: dead, otherAnnouncers: others(0) },
      'degrade',
      'last-site',
    ],
    [
      'also while it recovers',
      { ...calm, health: recovering, otherAnnouncers: others(0) },
      'degrade',
      'last-site',
    ],
    [
      'also where it is only impaired, and would be withdrawn',
      { ...calm, health: lossy, service: strict, otherAnnouncers: others(0) },
      'degrade',
      'last-site',
    ],
    [
      'with a floor of two sites the second stays too',
      { ...calm, health: dead, service: { ...calm.service, minSites: 2 }, otherAnnouncers: others(1) },
      'degrade',
      'last-site',
    ],
    ['not with enough others', { ...calm, health: dead, otherAnnouncers: others(1) }, 'withdraw', 'refused'],
    [
      'not without a source that reports others',
      { ...calm, health: dead, otherAnnouncers: null },
      'withdraw',
      'refused',
    ],
    [
      'not with `minSites: 0`',
      { ...calm, health: dead, service: { ...calm.service, minSites: 0 }, otherAnnouncers: others(0) },
      'withdraw',
      'refused',
    ],
    [
      'not without its address',
      { ...calm, health: linkless, otherAnnouncers: others(0) },
      'withdraw',
      'address-missing',
    ],
    [
      'announced undegraded without degraded routes in the daemon',
      { ...calm, health: dead, otherAnnouncers: others(0), degradable: false },
      'announce',
      'last-site',
    ],
  ])

  test('reports the problem, and why the service stays announced', () => {
    expect(decideAnnouncement({ ...calm, health: dead, otherAnnouncers: others(0) }).detail).toBe(
      'nothing listens; still announced: 0 other nodes announce it, and minSites is 1',
    )
  })

  test.each(['a decides first', 'b decides first', 'both decide at once'])(
    'two dead sites reach a stable state when %s',
    (who) => {
      const decide = (other: string) =>
        decideAnnouncement({ ...calm, health: dead, otherAnnouncers: others(other === 'announce' ? 1 : 0) })
          .decision
      let a: string = 'announce'
      let b: string = 'announce'
      const history: string[] = []
      for (let round = 0; round < 6; round += 1) {
        if (who === 'both look at once') [a, b] = [decide(b), decide(a)]
        else if (who === 'a looks first') {
          a = decide(b)
          b = decide(a)
        } else {
          b = decide(a)
          a = decide(b)
        }
        history.push(`${a} ${b}`)
      }
      expect(history.slice(1)).toEqual(Array(5).fill('degrade degrade'))
    },
  )
})
