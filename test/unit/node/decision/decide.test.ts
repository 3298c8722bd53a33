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
  forced: false,
  drainStage: 'none',
  stopping: false,
  degradable: true,
  otherAnnouncers: others(2),
  permit: null,
  outOfReach: null,
  service: {
    onStop: 'withdraw',
    when: { dead: 'withdraw', impaired: 'degrade' },
    minSites: 1,
    alone: { dead: 'withdraw', impaired: 'hold' },
  },
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

const wrongSource: HealthState = {
  ...healthy,
  status: 'impaired',
  sides: {
    source: {
      ...{ against: 0, badSince: 0 },
      problem: { check: 'source', cause: 'source-wrong', detail: 'WireGuard sends from another address' },
    },
  },
}

describe('health', () => {
  check([
    [
      'a wrong source of what WireGuard sends degrades, and never withdraws',
      { ...calm, health: wrongSource, service: strict },
      'degrade',
      'source-wrong',
    ],
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
        if (who === 'both decide at once') [a, b] = [decide(b), decide(a)]
        else if (who === 'a decides first') {
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

describe('with a store', () => {
  const none = { standing: 'none' } as const
  const asking = { standing: 'asking' } as const
  const granted = { standing: 'granted' } as const
  const tooFew = { standing: 'refused', remaining: 1, required: 2 } as const
  const unreachable = { standing: 'unreachable' } as const
  const withdrawn = { ...calm, intent: 'withdraw' } as const
  const gone = { ...calm, intent: 'drain', drainStage: 'drained' } as const

  check([
    ['a dead site asks before it withdraws', { ...calm, health: dead, permit: none }, 'hold', 'refused'],
    ['holds while it asks', { ...calm, health: dead, permit: asking }, 'hold', 'refused'],
    ['withdraws with the permit', { ...calm, health: dead, permit: granted }, 'withdraw', 'refused'],
    ['stays without it, degraded', { ...calm, health: dead, permit: tooFew }, 'degrade', 'last-site'],
    [
      'the permit counts, not the other announcers over iBGP',
      { ...calm, health: dead, permit: granted, otherAnnouncers: others(0) },
      'withdraw',
      'refused',
    ],
    [
      'a missing address needs no permit',
      { ...calm, health: linkless, permit: tooFew },
      'withdraw',
      'address-missing',
    ],
    [
      'nor does a controller that stops',
      { ...calm, health: dead, stopping: true, permit: tooFew },
      'withdraw',
      'refused',
    ],
    [
      'an impaired site that only degrades does not ask',
      { ...calm, health: lossy, permit: none },
      'degrade',
      'loss',
    ],
    [
      'an impaired site that is to be withdrawn asks',
      { ...calm, health: lossy, service: strict, permit: none },
      'hold',
      'loss',
    ],
    ['an order asks too', { ...withdrawn, health: healthy, permit: none }, 'hold', 'operator-withdrew'],
    [
      'and stays without the permit',
      { ...withdrawn, health: healthy, permit: tooFew },
      'degrade',
      'last-site',
    ],
    [
      'unless it is forced',
      { ...withdrawn, health: healthy, forced: true, permit: tooFew },
      'withdraw',
      'operator-withdrew',
    ],
    [
      'or the address is missing',
      { ...withdrawn, health: linkless, permit: tooFew },
      'withdraw',
      'operator-withdrew',
    ],
    ['a drain asks before it withdraws', { ...gone, health: healthy, permit: none }, 'hold', 'drained'],
    [
      'and stays degraded without the permit',
      { ...gone, health: healthy, permit: tooFew },
      'degrade',
      'last-site',
    ],
    ['or withdraws with it', { ...gone, health: healthy, permit: granted }, 'withdraw', 'drained'],
  ])

  test('an order that is not carried out is not said to be', () => {
    const details = [withdrawn, gone].flatMap((input) =>
      [none, tooFew, unreachable].map(
        (permit) => decideAnnouncement({ ...input, health: healthy, permit, otherAnnouncers: null }).detail,
      ),
    )
    const [waiting, refused] = [
      'waiting for the permit to withdraw',
      'still announced: 1 other site is well, and minSites is 2',
    ]
    const cutOff = 'still announced: the store cannot be reached, and no other announcer is seen over iBGP'
    expect(details).toEqual(
      ['the operator ordered the withdrawal', 'the drain ends with the withdrawal'].flatMap((order) =>
        [waiting, refused, cutOff].map((state) => `${order}; ${state}`),
      ),
    )
  })

  const outOfReach = '2 of 2 sites that probe it do not reach it'
  const unseen = { ...calm, health: healthy, outOfReach } as const
  check([
    ['a site that others do not reach asks first', { ...unseen, permit: none }, 'hold', 'out-of-reach'],
    ['holds while it asks', { ...unseen, permit: asking }, 'hold', 'out-of-reach'],
    ['degrades with the permit', { ...unseen, permit: granted }, 'degrade', 'out-of-reach'],
    ['stays normal without it', { ...unseen, permit: tooFew }, 'announce', 'out-of-reach'],
    ['and without an answer', { ...unseen, permit: unreachable }, 'announce', 'out-of-reach'],
    [
      'is withdrawn only if it is dead too',
      { ...unseen, health: dead, permit: granted },
      'withdraw',
      'refused',
    ],
    ['has the reason of its own probe first', { ...unseen, health: lossy, permit: none }, 'degrade', 'loss'],
    [
      'and follows an order',
      { ...unseen, intent: 'withdraw', permit: granted },
      'withdraw',
      'operator-withdrew',
    ],
  ])

  test('a site that others do not reach wishes for the permit, whatever the answer', () => {
    for (const permit of [none, asking, granted, tooFew, unreachable]) {
      expect(decideAnnouncement({ ...unseen, permit })).toMatchObject({
        withdrawal: 'permit',
        detail: expect.stringContaining(outOfReach),
      })
    }
  })

  describe('that cannot be reached', () => {
    const lone = { ...calm, permit: unreachable, otherAnnouncers: null } as const
    check([
      ['the other announcers count', { ...calm, health: dead, permit: unreachable }, 'withdraw', 'refused'],
      [
        'too few of them keep the site',
        { ...calm, health: dead, permit: unreachable, otherAnnouncers: others(0) },
        'degrade',
        'last-site',
      ],
      ['without them a dead site withdraws', { ...lone, health: dead }, 'withdraw', 'refused'],
      [
        'or holds, with `alone.dead: hold`',
        { ...lone, health: dead, service: { ...calm.service, alone: { dead: 'hold', impaired: 'hold' } } },
        'degrade',
        'store-unreachable',
      ],
      ['an impaired one holds', { ...lone, health: lossy, service: strict }, 'degrade', 'store-unreachable'],
      [
        'or withdraws, with `alone.impaired: withdraw`',
        {
          ...lone,
          health: lossy,
          service: { ...strict, alone: { dead: 'withdraw', impaired: 'withdraw' } },
        },
        'withdraw',
        'loss',
      ],
      [
        'an order holds',
        { ...withdrawn, ...lone, intent: 'withdraw', health: healthy },
        'degrade',
        'store-unreachable',
      ],
    ])
  })

  test.each([
    ['a wish that depends on the permit', { ...calm, health: dead, permit: tooFew }, 'permit'],
    ['a missing address', { ...calm, health: linkless, permit: tooFew }, 'fact'],
    ['a forced order', { ...withdrawn, health: healthy, forced: true, permit: none }, 'order'],
    ['a stop', { ...calm, health: healthy, stopping: true, permit: none }, 'order'],
    ['a healthy site', { ...calm, health: healthy, permit: granted }, null],
    ['a degraded one', { ...calm, health: lossy, permit: none }, null],
  ] as const)('reports to it: %s', (_title, input: DecisionInput, withdrawal) => {
    expect(decideAnnouncement(input).withdrawal).toBe(withdrawal)
  })
})
