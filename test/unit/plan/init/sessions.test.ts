import { expect, test } from 'vitest'
import { noAnswers } from '../../../../src/plan/init/answers.ts'
import { takeSessions } from '../../../../src/plan/init/take-sessions.ts'
import { readBird } from '../../../../src/plan/takeover/bird/read.ts'

/** What is said of a session with these statements. */
function reasons(statements: string, asn: number, kind?: 'peer'): string[] {
  const text = `protocol bgp up { local as 64500; neighbor 10.1.1.1 as ${asn}; ${statements} }`
  const found = readBird({ file: 'bird.conf', text }, () => [])
  const kinds = new Map(kind === undefined ? [] : [['up', kind]])
  const { left } = takeSessions({ ...noAnswers, asn: '64500', daemon: 'bird' }, found, kinds)
  return left.map(({ reason }) => reason).filter((reason) => !reason.startsWith('kind: '))
}

test.each([
  [
    'transit',
    'ipv4 { import all; };',
    64601,
    undefined,
    ['import: default-only replaces its import of all routes'],
  ],
  ['transit', 'ipv4 { import none; };', 64601, undefined, []],
  [
    'peer',
    'ipv4 { import all; };',
    64601,
    'peer',
    ['import: the filters of a peer replace its import of all routes'],
  ],
  [
    'ibgp',
    'multihop 3; ipv4 { import all; };',
    64500,
    undefined,
    [
      'import: own-prefixes, the default, accepts no default route; write default-only to accept it',
      'its 3 hops: an ibgp session of Anyward may cross any number',
    ],
  ],
] as const)(
  'a %s session with { %s } is not taken over in silence',
  (_kind, statements, asn, kind, expected) => {
    expect(reasons(statements, asn, kind)).toEqual(expected)
  },
)
