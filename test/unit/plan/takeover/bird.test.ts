import { expect, test } from 'vitest'
import { readBird } from '../../../../src/plan/takeover/bird/read.ts'

const session = 'local as 64500; neighbor 10.1.1.1 as 64601;'

function read(text: string, included: Record<string, string> = {}) {
  return readBird({ file: 'bird.conf', text }, (pattern) =>
    included[pattern] === undefined ? [] : [{ file: pattern, text: included[pattern] }],
  )
}

function readSession(statements: string) {
  return read(`protocol bgp up { ${session} ${statements} }`).sessions[0]
}

test('the AS number is the one that most sessions have as their own, the others keep theirs', () => {
  const found = read(`
    protocol bgp a { local as 64999; neighbor 10.0.0.1 as 64601; }
    protocol bgp b { local as 64500; neighbor 10.0.0.2 as 64602; }
    protocol bgp c { local as 64500; neighbor 10.0.0.3 as 64603; }`)
  expect(found.asn).toBe(64500)
  expect(found.sessions.map(({ localAs }) => localAs)).toEqual([64999, null, null])
})

test('a session has the settings of its template, of the templates of that, and its own in their place', () => {
  const found = read(`
    template bgp a { local 10.0.0.9 as 64500; multihop 3; description "A"; }
    template bgp b from a { multihop 4; bfd on; }
    protocol bgp c from b { neighbor 10.0.0.1 as 64601; bfd off; }
    protocol bgp d from b { neighbor 10.0.0.2 as 64602; direct; }`)
  expect(found.sessions).toMatchObject([
    { name: 'c', localAddress: '10.0.0.9', multihop: 4, bfd: null, description: 'A' },
    { name: 'd', multihop: null, bfd: {} },
  ])
})

test('a session of one protocol does not change its template', () => {
  const found = read(`
    template bgp a { local as 64500; ipv4 { import all; }; }
    protocol bgp b from a { neighbor 10.0.0.1 as 64601; ipv4 { import none; }; }
    protocol bgp c from a { neighbor 10.0.0.2 as 64602; }`)
  expect(found.sessions.map((it) => it.import)).toEqual(['nothing', 'everything'])
})

test('constants stand for addresses, numbers and texts', () => {
  const found = read(`
    define OURS = 64500; define SAME = OURS; define UP = 10.1.1.1; define WORDS = "Transit A";
    router id UP;
    protocol bgp up { local as SAME; neighbor UP as 64601; description WORDS; }`)
  expect(found).toMatchObject({ asn: 64500, routerId: '10.1.1.1' })
  expect(found.sessions).toMatchObject([{ address: '10.1.1.1', description: 'Transit A' }])
})

test.each([
  ['a line', '# protocol bgp x {'],
  ['several lines', '/* protocol bgp x {\n } */'],
  ['a string', 'log "/var/log/# /* {";'],
])('comments and strings with brackets are no statements: %s', (_title, text) => {
  expect(read(`${text}\nprotocol bgp up { ${session} }`).sessions).toHaveLength(1)
})

test('the line is that of the file as it is, also behind comments of several lines', () => {
  expect(read(`/* 1\n2 */\n\nprotocol ospf { }\n`).left).toMatchObject([
    { line: 4, text: 'protocol ospf { … }' },
  ])
})

test('an include stands where it is written, also inside a block', () => {
  const found = read('protocol bgp up {\n  include "as.conf";\n  neighbor 10.1.1.1 as 64601;\n}\n', {
    'as.conf': 'local as 64500;',
  })
  expect(found).toMatchObject({ asn: 64500, sessions: [{ address: '10.1.1.1' }] })
})

test('a file that includes itself is an error', () => {
  const included = { 'a.conf': 'include "b.conf";\n', 'b.conf': 'include "a.conf";\n' }
  expect(() => read('include "a.conf";\n', included)).toThrow('a.conf:1 is included by itself')
})

test.each([
  ['protocol bgp up {', 'bird.conf:1 has a { without its }'],
  ['}', 'bird.conf:1 has a } without its {'],
  ['\nrouter id 10.0.0.1', 'bird.conf:2 begins a statement that does not end: ; is missing'],
  ['log "x', 'bird.conf:1 has a " without its other half'],
  ['/* never', 'bird.conf:1 begins a comment that does not end: */ is missing'],
  ['define A = [ 1, (2 ];', 'bird.conf:1 has a ] where ) is expected'],
  [`filter f ${'{'.repeat(2000)}`, 'bird.conf:1 nests more than 1000 brackets'],
])('%j is an error with its place', (text, message) => {
  expect(() => read(text.slice(0, 5000))).toThrow(message)
})

test.each([
  ['multihop;', { multihop: 64 }],
  ['multihop 2;', { multihop: 2 }],
  ['password "never-show-this";', { hasPassword: true }],
  ['ttl security on;', { gtsm: true }],
  ['ttl security off;', { gtsm: false }],
  ['hold time 30; keepalive time 10;', { timers: { holdMs: 30_000, keepaliveMs: 10_000 } }],
  ['bfd { interval 150 ms; multiplier 4; };', { bfd: { intervalMs: 150, multiplier: 4 } }],
  ['bfd { min rx interval 50 ms; min tx interval 100 ms; };', { bfd: { intervalMs: 100 } }],
  ['vrf "red";', { vrf: 'red' }],
  ['ipv4 { import limit 10; receive limit 20; };', { limit: 10, families: ['ipv4'] }],
  ['ipv4 { extended next hop on; }; ipv6 { };', { extendedNextHop: true, families: ['ipv4', 'ipv6'] }],
  ['ipv4 { import filter { accept; }; };', { import: 'filtered' }],
  // BIRD 1 has no channels.
  ['import all; export none;', { import: 'filtered' }],
])('%s is read', (statements, expected) => {
  expect(readSession(statements)).toMatchObject(expected)
})

test.each([
  ['neighbor 10.1.1.1 as 64500 + 1;', 'the neighbor’s AS number is an expression, which is not read'],
  ['neighbor 10.1.1.1 external;', 'the neighbor’s AS number is not in the configuration'],
  ['neighbor range 10.1.0.0/16 as 64601;', 'it names no neighbor that can be read'],
  ['neighbor 10.1.1.1 as 64601; disabled;', 'the session is disabled'],
])('a session with %s is left out', (statements, reason) => {
  const { sessions, left } = read(`protocol bgp up { local as 64500; ${statements} }`)
  expect(sessions).toEqual([])
  expect(left.map((it) => it.reason)).toContain(reason)
})

const limitAction =
  'the limit is taken over, and not its action: with Anyward the session stops, until an operator enables it'
test.each([
  ['multihop HOPS;', ['this form is not read']],
  ['ipv4 { import limit 10 action warn; };', [limitAction]],
  ['ipv4 { receive limit 10 action restart; };', [limitAction]],
  ['ipv4 { import limit 10 action disable; };', []],
  ['ipv4 { import limit 10; };', []],
  // Anyward sets it on ibgp sessions, and has only routes of the node itself for the others.
  ['ipv4 { next hop self; };', []],
])('what is not taken over of %s is said', (statements, reasons) => {
  const { left } = read(`protocol bgp up { ${session} ${statements} }`)
  expect(left.map(({ reason }) => reason)).toEqual(reasons)
})

test('a password is in nothing that is shown', () => {
  const found = read(`
    define PASS = "never-show-this";
    protocol ospf { area 0 { interface "eth0" { password "never-show-this"; }; }; }
    protocol radv { secret "never-show-this"; }
    authentication "never-show-this";
    protocol bgp up { ${session} password PASS; authentication ao; keys { key { secret "never-show-this"; }; }; key "never-show-this"; }`)
  expect(found.sessions).toMatchObject([{ hasPassword: true }])
  expect(JSON.stringify(found)).not.toContain('never-show-this')
})

test('what is not taken over is shown on one line, without control characters', () => {
  const { left } = read(`log "a\u001b[31m${'x'.repeat(500)}";`)
  expect(left[0]!.text).toMatch(/^log "a \[31mx+…$/)
  expect(left[0]!.text.length).toBe(120)
})
