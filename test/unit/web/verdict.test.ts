import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Configured } from '../../../src/control/page/page-state.ts'
import type { NodeStatus } from '../../../src/control/status.ts'
import { cures } from '../../../src/node/health/cures.ts'
import { judge } from '../../../src/web/node/verdict.ts'

const root = join(import.meta.dirname, '../../..')

type Service = NodeStatus['services'][number]

const announced = [{ neighbor: 'transit1', prefix: '192.0.2.0/24', degraded: false }]
const service = (change: Partial<Service> = {}): Service => ({
  name: 'vpn',
  health: 'healthy',
  decision: 'announce',
  reason: 'healthy',
  detail: 'the endpoint serves',
  since: '2026-11-30T03:00:00.000Z',
  announced,
  checks: {},
  probe: null,
  loss: 0,
  holdDown: { flaps: 0, leftMs: null },
  late: { inRow: 0, total: 0 },
  drain: { stage: 'none', sinceMs: null, waitingFor: null, ending: null },
  permit: null,
  fenced: null,
  remote: null,
  ...change,
})
const status = (services: Service[], change: Partial<NodeStatus> = {}): NodeStatus => ({
  version: 1,
  node: 'fra1-a',
  site: 'fra1',
  bundle: null,
  serial: null,
  services,
  neighbors: [{ name: 'transit1', address: '10.1.1.1', session: 'up', bfd: null }],
  operator: { intent: 'serve', source: null, reason: null, by: null, until: null },
  maintenance: { active: null, next: null },
  guard: null,
  store: null,
  rescue: null,
  heldAddresses: [],
  access: null,
  daemon: {
    kind: 'bird',
    version: '2.17',
    verified: true,
    observedAgoMs: 1,
    trouble: null,
    savedAnnouncements: [],
  },
  time: '2026-11-30T03:00:10.000Z',
  ...change,
})
const configured: Configured = {
  services: [
    {
      ...{ name: 'vpn', interface: 'wg7', port: 51999, prefixes: ['192.0.2.0/24'], anycast: ['192.0.2.1'] },
      ...{ drain: { limitMs: 600_000, undrainMs: 60_000 } },
    },
  ],
  neighbors: [],
}
const judgeOne = (change: Partial<Service>, ofNode: Partial<NodeStatus> = {}) =>
  judge(status([service(change)], ofNode), configured)

describe('the verdict of the page', () => {
  test('is a sentence: serves', () => {
    expect(judgeOne({})).toMatchObject({ level: 'ok', sentence: 'fra1-a serves vpn', findings: [] })
  })

  test.each([
    [
      { decision: 'withdraw', reason: 'hung', announced: [] },
      'bad',
      'fra1-a does not serve vpn: withdrawn (hung)',
    ],
    [
      { decision: 'withdraw', reason: 'drained', announced: [] },
      'planned',
      'fra1-a does not serve vpn: withdrawn (drained)',
    ],
    [
      { decision: 'withdraw', reason: 'hung' },
      'bad',
      'fra1-a announces vpn: still announced, although to be withdrawn (hung)',
    ],
    [
      { decision: 'announce', announced: [] },
      'bad',
      'fra1-a does not serve vpn: to be announced, but no neighbor has it',
    ],
    [
      { decision: 'degrade', reason: 'last-site', announced: [{ ...announced[0]!, degraded: true }] },
      'warn',
      'fra1-a announces vpn: announced degraded (last-site)',
    ],
    [
      { decision: 'degrade', reason: 'draining' },
      'planned',
      'fra1-a announces vpn: announced degraded (draining)',
    ],
    [
      { decision: 'hold', reason: 'starting' },
      'warn',
      'fra1-a announces vpn: kept announced for now (starting)',
    ],
    [
      { decision: 'hold', reason: 'hold-down', announced: [] },
      'bad',
      'fra1-a does not serve vpn: not announced for now (hold-down)',
    ],
    [
      { announced: [{ ...announced[0]!, degraded: true }] },
      'warn',
      'fra1-a announces vpn: still degraded at the neighbors',
    ],
  ] as const)('of %j is %s: %s', (change, level, sentence) => {
    expect(judgeOne(change)).toMatchObject({ level, sentence })
  })

  test('says of several services which one does not serve, and puts it first', () => {
    const bad = service({ name: 'b', decision: 'withdraw', reason: 'hung', announced: [] })
    const verdict = judge(status([service({ name: 'a' }), bad]), null)
    expect(verdict.sentence).toBe('fra1-a does not serve b: withdrawn (hung)')
    expect(verdict.services.map(({ name }) => name)).toEqual(['b', 'a'])
    const all = judge(status([bad, { ...bad, name: 'c' }]), null)
    expect(all.sentence).toBe('fra1-a does not serve any service')
  })

  test.each(Object.keys(cures))('has something to do about %s, with the names of this node', (reason) => {
    const [only] = judgeOne({ decision: 'withdraw', reason, announced: [] }).services
    expect(only!.todo).toHaveLength(1)
    expect(only!.todo[0]).not.toMatch(/\b(INTERFACE|PORT)\b/)
  })

  test('names only runbooks that exist', () => {
    const code = ['verdict.ts', 'findings.ts', 'node-page.tsx']
      .map((name) => readFileSync(join(root, 'src/web/node', name), 'utf8'))
      .join('\n')
    const known = new Set(readdirSync(join(root, 'docs/runbooks')).map((name) => name.replace(/\.md$/, '')))
    const named = [
      ...code.matchAll(/return .*?'([a-z]+(?:-[a-z]+)+)'/g),
      ...code.matchAll(/: '([a-z]+(?:-[a-z]+)+)'\n/g),
      ...code.matchAll(/(?:warn\(|runbook: |<Runbook name=)['"]([a-z-]+)['"]/g),
    ].map(([, name]) => name!)
    expect(named.length).toBeGreaterThan(12)
    // The cause of a daemon's error is in such a line too.
    expect(named.filter((name) => !known.has(name) && name !== 'not-running')).toEqual([])
  })

  test('gives no advice on what follows from the reason', () => {
    const probe = { outcome: 'bad', check: 'handshake', cause: 'no-reply', detail: '' } as const
    const detail = '192.0.2.1 is not on this node'
    const [only] = judgeOne({
      decision: 'withdraw',
      reason: 'address-missing',
      detail,
      probe,
      announced: [],
    }).services
    expect(only!.todo).toEqual([expect.stringContaining('`ip addr add 192.0.2.1/32 dev lo`')])
  })

  test('puts what the probe has found since before a reason that says little', () => {
    const probe = { outcome: 'bad', check: 'handshake', cause: 'hung', detail: '' } as const
    const [only] = judgeOne({ decision: 'withdraw', reason: 'no-reply', probe, announced: [] }).services
    expect(only!.todo[0]).toContain('restart it')
  })

  test('says what to do about the fault that a hold-down or the last site hides', () => {
    const probe = { outcome: 'bad', check: 'handshake', cause: 'wrong-port', detail: '' } as const
    const [only] = judgeOne({ decision: 'degrade', reason: 'last-site', probe }).services
    expect(only!.todo[1]).toContain('wg set wg7 listen-port 51999')
  })

  test('finds why a healthy service is announced to none: the sessions, or the routing daemon', () => {
    const neighbors = [{ name: 'transit1', address: '10.1.1.1', session: 'down' as const, bfd: null }]
    const ofSessions = judgeOne({ announced: [] }, { neighbors })
    expect(ofSessions.services[0]!.why).toBe('the endpoint serves, but no BGP session is up')
    expect(ofSessions.findings.map(({ text }) => text)).toEqual(['the BGP session to transit1 is down'])
    const daemon = {
      ...status([]).daemon,
      trouble: { cause: 'not-running', message: 'no socket', reply: null },
    }
    const ofDaemon = judgeOne({ announced: [] }, { neighbors, daemon })
    expect(ofDaemon.services[0]).toMatchObject({
      why: 'the endpoint serves, but the routing daemon fails: no socket',
      todo: ['`systemctl start bird`'],
      runbook: 'routing-daemon-down',
    })
    // That the sessions are down follows from it.
    expect(ofDaemon.findings).toHaveLength(1)
  })

  test('says who has ordered a drain, and why', () => {
    const operator = {
      intent: 'drain',
      source: 'operator',
      reason: 'new disk',
      by: 'ada',
      until: null,
    } as const
    const drained = {
      decision: 'withdraw',
      reason: 'drained',
      detail: 'it is drained',
      announced: [],
    } as const
    expect(judgeOne(drained, { operator }).services[0]!.why).toBe(
      'it is drained; ordered by the operator ada: new disk',
    )
  })

  test.each([
    [{ guard: { holding: false, pid: null, problem: null } }, 'not guarded'],
    [{ store: { ok: false, since: '2026-11-30T03:00:00.000Z', problem: 'no quorum' } }, 'no quorum'],
    [{ heldAddresses: ['192.0.2.1'] }, '192.0.2.1 is removed'],
  ] as const)('has what else is wrong: %j', (change, text) => {
    const { level, sentence, findings } = judgeOne({}, change)
    expect(level).not.toBe('ok')
    expect(sentence).toBe('fra1-a serves vpn; 1 other problem on the node')
    expect(findings[0]!.text).toContain(text)
  })
})
