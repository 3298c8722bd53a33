import { readFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { printStatus } from '../../../src/cli/print-status.ts'
import type { NodeStatus } from '../../../src/control/status.ts'
import { cures } from '../../../src/node/health/cures.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function print(
  daemon: 'bird' | 'frr',
  version: string,
  neighbor: Partial<NodeStatus['neighbors'][number]>,
  services: NodeStatus['services'] = [],
  rescue: NodeStatus['rescue'] = null,
) {
  const lines: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
  const bfd = { state: 'down', problem: null } as const
  const time = '2026-11-29T02:00:00.000Z'
  printStatus(
    {
      version: 1,
      node: 'fra1-a',
      bundle: null,
      site: 'fra1',
      services,
      neighbors: [{ name: 'transit1', address: '10.1.1.1', session: 'down', bfd, ...neighbor }],
      operator: { intent: 'serve', source: null, reason: null, by: null, until: null },
      maintenance: { active: null, next: null },
      guard: null,
      store: null,
      rescue,
      heldAddresses: [],
      access: null,
      serial: null,
      daemon: {
        ...{
          kind: daemon,
          version,
          verified: true,
          observedAgoMs: 12,
          trouble: null,
          savedAnnouncements: [],
        },
      },
      time,
    },
    false,
  )
  return lines.join('')
}

const sentence =
  'transit1 stays down until BFD is up: once a BGP session has ended, FRR 10 starts it again only when BFD is up.'
const cure =
  'configure it at the far end too (anyward plan --for-neighbor transit1 lists what it needs), or leave bfd out'

test('of FRR 10 a session that is down with its BFD has the reason and the cure', () => {
  for (const state of ['down', 'missing'] as const) {
    const text = print('frr', '10.3', { bfd: { state, problem: null } })
    expect(text).toContain(sentence)
    expect(text).toContain(cure)
  }
})

test.each([
  ['an older FRR', 'frr', '8.4.4', {}],
  ['BIRD', 'bird', '2.17.6', {}],
  ['a session that is up', 'frr', '10.3', { session: 'up' }],
  ['a neighbor without BFD', 'frr', '10.3', { bfd: null }],
  ['BFD that does not answer', 'frr', '10.3', { bfd: { state: 'unknown', problem: null } }],
] as const)('of %s it has not', (_title, daemon, version, neighbor) => {
  expect(print(daemon, version, neighbor)).not.toContain('stays down')
})

function service(health: 'healthy' | 'unhealthy', reason: string): NodeStatus['services'] {
  const drain = { stage: 'none', sinceMs: null, waitingFor: null, ending: null } as const
  return [
    {
      ...{ name: 'vpn', health, decision: 'withdraw', reason, detail: 'no reply', announced: [], checks: {} },
      ...{ since: '2026-11-29T02:00:00.000Z', probe: null, loss: 1, late: { inRow: 0, total: 0 }, drain },
      holdDown: { flaps: 0, leftMs: null },
      permit: null,
      fenced: null,
      remote: null,
    },
  ]
}

test('below the reason is what to do about it, and at the end the command that finds more', () => {
  const text = print('bird', '2.17.6', { session: 'up' }, service('unhealthy', 'hung'))
  expect(text).toContain(
    ': hung\n    no reply\n    what to do: the process is stopped or stuck: restart it\n',
  )
  expect(text).toMatch(/\n {2}to find the cause, as root on fra1-a: anyward doctor\n$/)
})

test('words of another program move no cursor of the terminal, and end no line', () => {
  const [one] = service('unhealthy', 'hung')
  const text = print('bird', '2.17.6', {}, [{ ...one!, detail: 'no\u001b[2J\u009b8m\rreply\n  verified' }])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys
  expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/)
  expect(text).toContain('reply   verified\n')
})

test('a drained node and one that serves need neither; a session that is down needs doctor', () => {
  for (const reason of ['drained', 'healthy', 'constructor'])
    expect(print('bird', '2.17.6', { session: 'up' }, service('healthy', reason))).not.toMatch(
      /what to do|doctor/,
    )
  expect(print('bird', '2.17.6', { session: 'down' })).toContain('anyward doctor')
})

test('docs/probe.md has the same words for each reason', () => {
  const tables = readFileSync('docs/probe.md', 'utf8')
    .split('\n\n')
    .filter((block) => block.startsWith('| reason |'))
  const rows = tables.flatMap((table) => [...table.matchAll(/^\| `([a-z-]+)` \| [^|]* \| ([^|]*) \|$/gm)])
  const documented = Object.fromEntries(rows.map(([, reason, cure]) => [reason, cure]))
  // What asks for cookies works: it is never the reason of a decision.
  delete documented['under-load']
  expect(documented).toEqual(cures)
})

test('an endpoint that other sites do not reach is named, unless its own probe knows that it is dead', () => {
  const remote = { sites: 2, failing: 2 }
  const out = 'OUT OF REACH: 2 of 2 sites that probe it do not reach it; its own probe is good'
  const of = (health: 'healthy' | 'unhealthy') => service(health, 'hung').map((one) => ({ ...one, remote }))
  expect(print('bird', '2.17.6', { session: 'up' }, of('healthy'))).toContain(out)
  expect(print('bird', '2.17.6', { session: 'up' }, of('unhealthy'))).not.toContain(out)
})

test('that packets of sessions at other sites are not seen is said with its reason, and doctor named', () => {
  const rescue = { entries: 0, peers: 0, readers: 0, problem: null, nodes: [] }
  const show = (ok: boolean, problem: string | null) =>
    print('bird', '2.0.12', { session: 'up' }, [], {
      ...rescue,
      strays: { ok, problem, endpoints: 0, packets: 0 },
    })
  const failed = show(false, 'the program `perl` is missing')
  expect(failed).toContain(
    '  packets of sessions at other sites are not seen: the program `perl` is missing\n',
  )
  expect(failed).toContain('anyward doctor')
  vi.restoreAllMocks()
  expect(show(false, null)).toContain('  packets of sessions at other sites are not seen yet\n')
  vi.restoreAllMocks()
  const seen = show(true, null)
  expect(seen).not.toContain('are not seen')
  expect(seen).not.toContain('anyward doctor')
})
