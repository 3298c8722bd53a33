import { expect, test } from 'vitest'
import { readBatch } from '../../../src/linux/ip-batch.ts'
import { parseRoutes, parseRules } from '../../../src/linux/policy-routing.ts'

/** As iproute2 6.1 and 6.15 print it. */
const lines = [
  'route get fibmatch 240.0.0.1 from 192.0.2.1 ipproto 17 sport 51820',
  'rule add pref 5192 from 0.0.0.0/32 ipproto 17 sport 51820 lookup 5151820 protocol 51',
  'rule show',
  'route show table 5151820',
]
const stdout = `[{"priority":0,"src":"all","table":"255"},{"priority":5192,"src":"0.0.0.0","ipproto":"ipproto-17","sport":51820,"sport_mask":"0xffff","table":"5151820","protocol":"51"},{"priority":5191,"src":"8000::","srclen":1,"goto":5193,"protocol":"51"},{"priority":5193,"src":"all","nop":null,"protocol":"51"}]
[]
`

test('the results of a batch belong to their lines, also where one of them fails', () => {
  const results = readBatch(lines, stdout, 'RTNETLINK answers: Network is unreachable\nCommand failed -:1\n')
  expect(results[0]).toEqual({ ok: false, problem: 'RTNETLINK answers: Network is unreachable' })
  expect(results.slice(1).map((result) => result.ok && JSON.parse(result.json).length)).toEqual([0, 4, 0])
})

test('a list that may be incomplete is no result', () => {
  const look = () =>
    readBatch(lines, '', 'Error: Dump was interrupted\nDump terminated\nCommand failed -:3\n')
  expect(look).toThrow('ip rule show: Error: Dump was interrupted Dump terminated')
})

test('rules are read with their selectors and actions', () => {
  expect(parseRules(stdout.split('\n')[0]!)).toEqual([
    { priority: 0, from: null, protocolOfIp: null, sport: null, action: { lookup: 255 }, protocol: null },
    ...[
      { priority: 5192, from: '0.0.0.0/32', protocolOfIp: 17, sport: 51820, action: { lookup: 5151820 } },
    ].map((rule) => ({ ...rule, protocol: '51' })),
    ...[
      { priority: 5191, from: '8000::/1', action: { goto: 5193 } },
      { priority: 5193, from: null, action: { nop: true } },
    ].map((rule) => ({ ...rule, protocolOfIp: null, sport: null, protocol: '51' })),
  ])
})

test('routes are read with the next hops that are alive', () => {
  const routes = parseRoutes(
    '[{"dst":"default","table":"777","flags":[],"nexthops":[{"gateway":"10.1.1.1","dev":"e1","weight":2,"flags":["dead","linkdown"]},{"gateway":"10.1.2.1","dev":"e2","weight":1,"flags":[]}]},{"dst":"10.9.0.0/16","via":{"family":"inet6","host":"fe80::7"},"dev":"e1","flags":[]},{"type":"7","dst":"2001:db8:9::/48","dev":"lo","metric":1024,"flags":[],"pref":"medium"},{"dst":"10.7.0.0/16","encap":"mpls","gateway":"10.1.1.1","dev":"e1","flags":[]}]',
  )
  const rest = { metric: 0, prefsrc: null, isSpecial: false, protocol: null }
  expect(routes).toEqual([
    {
      ...{ ...rest, type: 'unicast', dst: 'default', table: 777 },
      hops: [{ via: '10.1.2.1', dev: 'e2', weight: 1 }],
    },
    {
      ...{ ...rest, type: 'unicast', dst: '10.9.0.0/16', table: 254 },
      hops: [{ via: 'fe80::7', dev: 'e1', weight: 1 }],
    },
    { ...rest, type: 'unreachable', dst: '2001:db8:9::/48', table: 254, hops: [], metric: 1024 },
    {
      ...{ ...rest, type: 'unicast', dst: '10.7.0.0/16', table: 254, isSpecial: true },
      hops: [{ via: '10.1.1.1', dev: 'e1', weight: 1 }],
    },
  ])
})

test.each(['{"priority":1}', '[{"priority":-1}]', '[{"priority":1,"src":7}]', '[null]', 'x'])(
  'what is no list of rules is refused: %s',
  (json) => {
    expect(() => parseRules(json)).toThrow()
  },
)
