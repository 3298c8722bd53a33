import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findBirdProblems } from '../../src/plan/sites/checks/extra/bird.ts'
import { findFrrProblems } from '../../src/plan/sites/checks/extra/frr.ts'
import { scanBird } from '../../src/syntax/bird-tokens.ts'
import { type Edit, issuesAfter } from './base.ts'

const onBird: Edit = ['fra1.yaml', 'daemon: bird', 'daemon: bird\n    extra: [{ file: more.conf }]']
const onFrr: Edit = ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    extra: [{ file: more.conf }]']

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'extra configuration',
    [onBird, ['more.conf', 'protocol static own { ipv4; route 198.51.100.0/24 blackhole; }\n']],
    [],
  ],
  [
    'a file that is missing',
    [onBird],
    [
      'sites/fra1.yaml:5:21 nodes[0].extra[0].file: sites/more.conf cannot be read: there is no such file or folder',
    ],
  ],
  [
    'several problems of one file, with their lines',
    [onBird, ['more.conf', '# mine\nrouter id 10.0.0.9;\nprotocol bgp own { }\n']],
    [
      'sites/fra1.yaml:5:21 nodes[0].extra[0].file: sites/more.conf:2 has router id\nextra may have define, function, filter, attribute, protocol, template, log, debug and tables; the planner writes the rest',
      'sites/fra1.yaml:5:21 nodes[0].extra[0].file: sites/more.conf:3 has protocol bgp\nlist the session under neighbors; a node with BGP sessions of its own needs routing: attached',
    ],
  ],
  [
    'a block of BGP, shortened, on FRR',
    [onFrr, ['more.conf', '!\n rou  b 64500\n']],
    [
      'sites/ams1.yaml:5:21 nodes[0].extra[0].file: sites/more.conf:2 has rou b\nlist the session under neighbors; a node with BGP sessions of its own needs routing: attached',
    ],
  ],
  [
    'a control character',
    [onFrr, ['more.conf', 'hostname a\rrouter bgp 64500\n']],
    [
      'sites/ams1.yaml:5:21 nodes[0].extra[0].file: sites/more.conf:1 has a control character\nsave it as plain text',
    ],
  ],
  [
    'one file twice, and another place',
    [
      [
        'fra1.yaml',
        'daemon: bird',
        'daemon: bird\n    extra: [{ file: more.conf }, { file: more.conf, at: middle }]',
      ],
      ['more.conf', ''],
    ],
    [
      'sites/fra1.yaml:5:42 nodes[0].extra[1].file: "more.conf" is already used by nodes[0].extra[0].file\neach file is added once: keep one of the two',
      'sites/fra1.yaml:5:57 nodes[0].extra[1].at: "middle" is not top or bottom',
    ],
  ],
  [
    'extra at an attached node',
    [
      ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    routing: attached\n    extra: [{ file: more.conf }]'],
      ['ams1.yaml', ', gtsm: true', ''],
      ['more.conf', ''],
    ],
    [
      'sites/ams1.yaml:6:12 nodes[0].extra: the node has routing: attached, so its own frr.conf is the whole configuration\nleave it out, and write it there',
    ],
  ],
]

test.each(rows)('%s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})

describe('extra configuration of BIRD is refused', () => {
  test.each([
    ['define proto = "anyward4";', 'defines proto, a word of the generated configuration'],
    ['function reject() { }', 'defines reject, a word of the generated configuration'],
    ['attribute int preference;', 'defines preference, a word of the generated configuration'],
    ['ipv4 table master4;', 'defines master4, a word of the generated configuration'],
    ['template static net { }', 'defines net, a word of the generated configuration'],
    ['protocol ospf v3 source { }', 'defines source, a word of the generated configuration'],
    ['filter aw_transit1_out { accept; }', 'has the name aw_transit1_out'],
    ["protocol static 'anyward4' { }", 'has the name anyward4'],
    ['protocol static s { roa4 { table aw_roa4; }; }', 'has the name aw_roa4'],
    ['template bgp t { }', 'has template bgp'],
    ['protocol device d { }', 'has protocol device'],
    ['protocol direct { }', 'has protocol direct'],
    ['protocol rpki r { }', 'has protocol rpki'],
    ['include "/etc/bird/more.conf";', 'includes another file'],
    ['protocol static s {\ninclude "a";\n}', 'includes another file'],
    ['timeformat protocol "%T";', 'has timeformat protocol'],
    ['graceful restart wait 1000;', 'has graceful restart'],
    [
      'protocol ospf v2 o { area 0 { interface "e" { password "hunter2"; }; }; }',
      'has a password in clear text',
    ],
    ['define P = "x"; protocol rip r { interface "e" { password P; }; }', 'has a password in clear text'],
    ['/* ', 'begins a comment that does not end: */ is missing'],
    ['protocol static s {', 'has a { without its }'],
    ['}', 'has a } without its {'],
    ['define A = 1', 'begins a statement that does not end: ; is missing'],
    ['define A = "x;', 'has a " without its other half'],
  ])('%s', (text, message) => {
    expect(findBirdProblems(text).map((problem) => problem.message)).toContain(message)
  })

  test('if it defines a word of a generated configuration', () => {
    const root = 'test/golden'
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\/out\/.*\/bird\.conf$/.test(name),
    )
    expect(files.length).toBeGreaterThan(3)
    const words = new Set<string>()
    for (const file of files) {
      // What an extra file there defines is its own.
      const text = readFileSync(`${root}/${file}`, 'utf8').replace(
        /# Extra configuration[\s\S]*?# End of .*/g,
        '',
      )
      for (const token of scanBird({ file, text })) {
        if (token.kind === 'word') for (const word of token.text.split('.')) words.add(word)
      }
    }
    const names = [...words].filter((word) => /^[A-Za-z_]/.test(word) && !word.includes(':'))
    expect(names.length).toBeGreaterThan(80)
    expect(names.filter((name) => findBirdProblems(`define ${name} = 1;`).length === 0)).toEqual([])
  })
})

describe('extra configuration of FRR is refused', () => {
  test.each([
    ['router bgp 64500', 'has router bgp'],
    ['router bgp 65001 vrf red', 'has router bgp'],
    ['interface eth0\n r bg 64500', 'has r bg'],
    ['no router bgp', 'has no router bgp'],
    ['n rou bgp', 'has n rou bgp'],
    ['route-map aw_transit1-out permit 1', 'has the name aw_transit1-out'],
    ['ip prefix-list aw-own-prefix-4 permit any', 'has the name aw-own-prefix-4'],
    ['route-map mine permit 10\n call aw_transit1-out', 'has the name aw_transit1-out'],
    ['rpki', 'has rpki'],
    ['frr defaults datacenter', 'has frr'],
    ['bgp route-map delay-timer 600', 'has bgp route-map'],
    ['bg route-map delay-timer 600', 'has bg route-map'],
    ['end', 'has end'],
    ['do write memory', 'has do'],
    ['conf t', 'has conf'],
    ['clear bgp *', 'has clear'],
    ['exit', 'has an exit that ends no block'],
    ['interface eth0\nexit\nexit', 'has an exit that ends no block'],
    ['router ospf\n redistribute static', 'has redistribute static'],
    ['router rip\n re s', 'has re s'],
    ['router ospf6\n redistribute connected metric 5', 'has redistribute connected metric 5'],
    ['router isis a\n redistribute ipv4 static level-1', 'has redistribute ipv4 static level-1'],
    ['router babel\n redist ipv6 conn', 'has redist ipv6 conn'],
    ['interface eth0\n ip ospf message-digest-key 1 md5 hunter2', 'has a secret in clear text, behind md5'],
    ['key chain a\n key 1\n  key-string hunter2', 'has a secret in clear text, behind key-string'],
    ['password hunter2', 'has a secret in clear text, behind password'],
    ['router isis a\n area-password clear hunter2', 'has a secret in clear text, behind area-password'],
    [`!${' '.repeat(4094)}router bgp 64500`, 'has a line of more than 1000 characters'],
  ])('%s', (text, message) => {
    expect(findFrrProblems(text).map((problem) => problem.message)).toEqual([message])
  })

  test('a file that is full of them is read to its end', { timeout: 30_000 }, () => {
    expect(findBirdProblems('aw_a '.repeat(140_000)).length).toBeGreaterThanOrEqual(140_000)
  })

  test('but not for what it does to other protocols', () => {
    const text = readFileSync('test/golden/kinds/extra-ospf.frr.conf', 'utf8')
    expect(findFrrProblems(`${text}\nno ip forwarding\nip protocol ospf route-map mine\n`)).toEqual([])
  })
})
