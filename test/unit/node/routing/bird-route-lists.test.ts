import { expect, test } from 'vitest'
import { BirdReplyReader } from '../../../../src/node/routing/bird/reply.ts'
import { isGone, readRoutes } from '../../../../src/node/routing/bird/route-lists.ts'

const route = '192.0.2.0/24         unreachable [aw_inside 00:06:19.381 from 10.0.0.9] * (100) [i]'

test.each([
  [
    '2.0.12 and 2.17.6',
    `1007-Table master4:\n ${route}\n1008-\tType: BGP univ\n1012-\tBGP.origin: IGP\n \tBGP.as_path: \n \tBGP.next_hop: 10.0.0.7\n0000 \n`,
  ],
  [
    '3.1.8',
    `1007-Table master4:\n ${route}\n1012-\thostentry: via 10.0.0.7 table master4\n \tfrom: 10.0.0.9\n \tbgp_origin: IGP\n \tbgp_path: \n \tbgp_next_hop: 10.0.0.7\n1008-\tInternal route handling values: 0L 2G 0S id 1\n0000 \n`,
  ],
])('the next hop of a route is read from what BIRD %s prints', (_, text) => {
  const reply = new BirdReplyReader().read(Buffer.from(text))!
  expect(readRoutes(reply, new Set(['192.0.2.0/24']))).toEqual([
    { prefix: '192.0.2.0/24', protocol: 'aw_inside', grade: 'normal', preference: 100, nextHop: '10.0.0.7' },
  ])
})

test.each([
  [
    'a session that accepts no exports yet, in BIRD 3',
    "Requested 'show route export' to protocols which aren't accepting exports at all.",
    true,
  ],
  ['a session without tables', 'No valid tables', true],
  [
    'a protocol that is being removed',
    'syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN',
    true,
  ],
  ['any other refusal', 'syntax error, unexpected ROUTE', false],
])('an export list of %s', (_, words, gone) => {
  expect(isGone(new BirdReplyReader().read(Buffer.from(`9001 ${words}\n`))!)).toBe(gone)
})
