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
  // A single bad probe beside it: what makes it impaired is the reason, not that.
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
const keeping = { ...calm.service, onStop: 'keep' } as const
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
    ['a start leaves what is announced as it is', { ...calm, health: unknown }, 'hold', 'starting'],
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
      'a hold-down that runs at a start leaves what is announced as it is',
      { ...calm, health: { ...held, status: 'unknown', heldUntil: 9000 } },
      'hold',
      'hold-down',
    ],
    ['an impaired one is degraded, with its cause', { ...calm, health: lossy }, 'degrade', 'loss'],
    ['or withdrawn, if so asked', { ...calm, health: lossy, service: strict }, 'withdraw', 'loss'],
    ['and stays so for the hold-down', { ...calm, health: impairedHeld }, 'degrade', 'hold-down'],
    [
      'or withdrawn for the hold-down',
      { ...calm, health: impairedHeld, service: strict },
      'withdraw',
      'hold-down',
    ],
    [
      'a dead one is degraded, if so asked',
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
      'nor where the daemon knows no degraded routes',
      { ...calm, health: dead, service: clinging, degradable: false },
      'withdraw',
      'refused',
    ],
    [
      'an impaired one is announced where the daemon knows no degraded routes',
      { ...calm, health: lossy, degradable: false },
      'announce',
      'loss',
    ],
  ])

  test('says so where the daemon knows no degraded routes', () => {
    expect(decideAnnouncement({ ...calm, health: lossy, degradable: false }).detail).toBe(
      "11 of the last 50 probes were bad; not degraded, for the daemon's configuration can't",
    )
  })
})

describe('failure 13: a starved host', () => {
  check([
    ['has its service degraded', { ...calm, health: starved }, 'degrade', 'starved'],
    [
      'and never withdrawn, for nothing is proven',
      { ...calm, health: starved, service: strict },
      'hold',
      'starved',
    ],
    [
      'is said also before anything is known',
      { ...calm, health: { ...starved, status: 'unknown' } },
      'hold',
      'starved',
    ],
  ])
})

describe('the operator', () => {
  check([
    [
      'withdraws whatever the health',
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
    ['drains what is impaired', { ...draining(lossy) }, 'degrade', 'draining'],
    ['drains, but what is dead goes at once', { ...draining(dead) }, 'withdraw', 'refused'],
    [
      'drains, and keeps no last site',
      { ...draining(dead), otherAnnouncers: others(0) },
      'withdraw',
      'refused',
    ],
    [
      'drains, but what impairs and asks for a withdrawal goes at once',
      { ...draining(lossy), service: strict },
      'withdraw',
      'loss',
    ],
    ['drains nothing that is not known yet', { ...draining(unknown) }, 'hold', 'starting'],
    ['has drained', { ...draining(healthy), drainStage: 'drained' }, 'withdraw', 'drained'],
    ['has drained what is dead now', { ...draining(dead), drainStage: 'drained' }, 'withdraw', 'drained'],
    [
      'drains at once where there are no stages',
      { ...calm, health: healthy, intent: 'drain' },
      'withdraw',
      'drained',
    ],
    [
      'has a drain come back degraded',
      { ...calm, health: healthy, drainStage: 'returning' },
      'degrade',
      'returning',
    ],
    [
      'has it come back with its trouble said first',
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
      'or keeps, if so asked',
      { ...calm, health: healthy, stopping: true, service: keeping },
      'hold',
      'stopping-keep',
    ],
    [
      'never keeps a dead one',
      { ...calm, health: dead, stopping: true, service: keeping },
      'withdraw',
      'refused',
    ],
    [
      'not even one that is announced degraded',
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
    ['not where nobody can tell', { ...calm, health: dead, otherAnnouncers: null }, 'withdraw', 'refused'],
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
      'as ever where the daemon knows no degraded routes',
      { ...calm, health: dead, otherAnnouncers: others(0), degradable: false },
      'announce',
      'last-site',
    ],
  ])

  test('says what is wrong, and why it stays', () => {
    expect(decideAnnouncement({ ...calm, health: dead, otherAnnouncers: others(0) }).detail).toBe(
      'nothing listens; announced all the same, for 0 other nodes announce it and minSites is 1',
    )
  })

  test.each(['a looks first', 'b looks first', 'both look at once'])(
    'two sites that are dead alike come to rest, when %s',
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
