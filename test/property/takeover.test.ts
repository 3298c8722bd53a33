import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { noAnswers } from '../../src/plan/init/answers.ts'
import { takeSessions } from '../../src/plan/init/take-sessions.ts'
import { writeFleetFile, writeSiteFile } from '../../src/plan/init/yaml.ts'
import { parseFleet } from '../../src/plan/sites/parse.ts'
import { readBird } from '../../src/plan/takeover/bird/read.ts'
import { detectDaemon } from '../../src/plan/takeover/detect.ts'
import { readFrr } from '../../src/plan/takeover/frr/read.ts'
import type { FoundRouter } from '../../src/plan/takeover/router.ts'
import { OperationError } from '../../src/text/operation-error.ts'

// Hundreds of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const birdWords =
  '{ } { } ; ; ; ( ) [ ] = % + , " \' # /* */ \n protocol bgp template from define include router id local neighbor as 64500 64601 10.0.0.1 fe80::1 range internal external port 179 ipv4 ipv6 import export all none filter limit 10 multihop bfd on off interval ms multiplier password "secret" description "text" interface "eth0" vrf ttl security hold time disabled X'.split(
    ' ',
  )
const frrWords =
  '\n \n \n \n! exit end router bgp 64500 64601 1.10 vrf red neighbor 10.0.0.1 2001:db8::1 eth0 G peer-group interface remote-as internal external v6only description password secret update-source lo ebgp-multihop bfd profile ttl-security hops timers local-as shutdown address-family ipv4 ipv6 unicast activate maximum-prefix route-map in out no network exit-address-family 3'.split(
    ' ',
  )

function wordsOf(words: readonly string[]) {
  return fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...words) }, fc.string({ unit: 'binary' })),
    {
      maxLength: 120,
    },
  )
}

/** What is found becomes YAML without an error in the sessions, whatever it is. */
function checkFound(found: FoundRouter): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no text of a file may control a terminal
  for (const { text } of found.left) expect(text).not.toMatch(/[\0-\x1f\x7f-\x9f]/)
  const { answers } = takeSessions(
    { ...noAnswers, asn: '64500', site: 'fra1', node: 'fra1-a', daemon: found.daemon, routerId: '10.0.0.9' },
    found,
    new Map(),
  )
  const { issues } = parseFleet([
    { name: 'fleet.yaml', text: writeFleetFile(answers) },
    { name: 'fra1.yaml', text: writeSiteFile(answers) },
  ])
  const errors = issues.filter(({ severity, file }) => severity === 'error' && file === 'fra1.yaml')
  expect(errors).toEqual([])
}

function readAnyBird(text: string): FoundRouter | null {
  try {
    return readBird({ file: 'bird.conf', text }, () => [])
  } catch (error) {
    expect(error).toBeInstanceOf(OperationError)
    return null
  }
}

test('any words of BIRD’s language are read, or an error with its place; what is read becomes valid YAML', () => {
  const statements = fc.array(wordsOf(birdWords), { maxLength: 4 }).map((all) => {
    const blocks = all.map(
      (words) => `protocol bgp { local as 64500; neighbor 10.0.0.1 as 64601; ${words.join(' ')} }`,
    )
    return blocks.join('\n')
  })
  fc.assert(
    fc.property(
      fc.oneof(
        wordsOf(birdWords).map((words) => words.join(' ')),
        statements,
      ),
      (text) => {
        const found = readAnyBird(text)
        if (found !== null) checkFound(found)
      },
    ),
    { numRuns: 500 },
  )
})

test('any lines of FRR’s language are read, and become valid YAML', () => {
  fc.assert(
    fc.property(wordsOf(frrWords), (words) => {
      checkFound(readFrr({ file: 'frr.conf', text: `router bgp 64500\n${words.join(' ')}` }))
    }),
    { numRuns: 500 },
  )
})

test('any text is detected, and read by both readers, or an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
      detectDaemon(text)
      readAnyBird(text)
      readFrr({ file: 'frr.conf', text })
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['brackets', '('],
  ['open comments', '/* '],
  ['blocks', 'protocol bgp {'],
  ['templates from each other', 'template bgp a from a { local as 64500; }\n'],
  ['empty lines', '\n'],
  ['words', 'protocol '],
  ['quotes', '"\n'],
  ['constants', 'define A = A;\n'],
  ['neighbors', 'neighbor 10.0.0.1 description x\n'],
])('a megabyte of %s takes seconds at most', (_title, piece) => {
  const text = piece.repeat(Math.ceil(2 ** 20 / piece.length))
  const begin = performance.now()
  detectDaemon(text)
  readAnyBird(text)
  readFrr({ file: 'frr.conf', text: `router bgp 64500\n${text}` })
  expect(performance.now() - begin).toBeLessThan(20_000)
})
