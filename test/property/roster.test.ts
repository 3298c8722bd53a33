import fc from 'fast-check'
import { expect, test } from 'vitest'
import { endpointKey } from '../../src/node/rescue/entry.ts'
import { expiryMs, Roster } from '../../src/node/rescue/roster.ts'

const startMs = 1_800_000_000_000
const nodes = ['a', 'b', 'c', 'd'].map((name) => ({ name, site: `site-${name}`, services: ['vpn'] }))
const limit = 16
const keys = Array.from({ length: 24 }, (_, index) => Buffer.alloc(32, index + 1).toString('base64'))

const step = fc.record({
  node: fc.constantFrom(...nodes.map(({ name }) => name)),
  peer: fc.constantFrom(...keys),
  port: fc.integer({ min: 1, max: 12 }),
  ageMs: fc.integer({ min: -5_000, max: expiryMs + 5_000 }),
  passedMs: fc.integer({ min: 0, max: 30_000 }),
  skewMs: fc.option(fc.integer({ min: -100_000, max: 100_000 }), { freq: 10 }),
  expire: fc.boolean(),
})

function createRoster(): Roster {
  const roster = new Roster({ self: 'a', nodes, anycast: [], limit })
  for (const { name } of nodes) roster.setSkew(name, 0)
  return roster
}

test('after any claims: the limit holds, look-ups agree with each other, and nothing expired is found', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const roster = createRoster()
      const present = new Set<string>()
      roster.observe({
        added: (_service, endpoint) => {
          expect(present).not.toContain(endpointKey(endpoint))
          present.add(endpointKey(endpoint))
        },
        removed: (_service, endpoint) => expect(present.delete(endpointKey(endpoint))).toBe(true),
      })
      let nowMs = startMs
      for (const { node, peer, port, ageMs, passedMs, skewMs, expire } of steps) {
        nowMs += passedMs
        if (skewMs !== null) roster.setSkew(node, skewMs)
        const endpoint = { address: '198.51.100.7', port }
        const handshakeMs = nowMs + roster.skewOf(node)! - ageMs
        const outcome = roster.put(node, { service: 'vpn', peer, endpoint, handshakeMs }, nowMs)
        if (ageMs < -2_000 || ageMs >= expiryMs) expect(outcome).toMatch(/^(future|expired)$/)
        if (expire) roster.expire(nowMs, 5)
        expect(roster.size).toBeLessThanOrEqual(limit)
        const owned = nodes.flatMap(({ name }) => [...roster.ownedBy(name, 'vpn', nowMs)])
        const found = keys.flatMap((key) => roster.find('vpn', key, nowMs) ?? [])
        expect(new Set(owned)).toEqual(new Set(found))
        expect(owned).toHaveLength(found.length)
        for (const entry of found) {
          expect(nowMs + roster.skewOf(entry.node)! - entry.handshakeMs).toBeLessThan(expiryMs)
          expect(roster.findByEndpoint('vpn', entry.endpoint, nowMs)).toContain(entry)
        }
        const all = nodes.flatMap(({ name }) => [...roster.entriesOf(name)])
        expect(all).toHaveLength(roster.size)
        expect(new Set(all.map((entry) => endpointKey(entry.endpoint)))).toEqual(present)
        expect(roster.counts(nowMs).reduce((sum, { entries }) => sum + entries, 0)).toBe(roster.size)
      }
    }),
  )
})

test('what a node has within its share, claims of the others never remove', () => {
  const share = limit / nodes.length
  const claim = fc.record({ peer: fc.constantFrom(...keys), port: fc.integer({ min: 1, max: 60_000 }) })
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: share }),
      fc.array(fc.tuple(fc.constantFrom('b', 'c', 'd'), claim), { maxLength: 100 }),
      (own, claims) => {
        const roster = createRoster()
        const at = (peer: string, port: number, handshakeMs: number) => ({
          ...{ service: 'vpn', peer, handshakeMs },
          endpoint: { address: '198.51.100.7', port },
        })
        for (const [index, peer] of own.entries()) roster.put('a', at(peer, 1 + index, startMs), startMs)
        const before = [...roster.entriesOf('a')]
        for (const [node, { peer, port }] of claims) roster.put(node, at(peer, port, startMs + 1), startMs)
        expect([...roster.entriesOf('a')]).toEqual(before)
      },
    ),
  )
})
