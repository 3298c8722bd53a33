import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maxElements, RosterChanges } from '../../../../../src/node/rescue/stray/roster-changes.ts'

/** The kernel's sets: a command that adds what is there, or deletes what is not, would fail in part or in whole. */
class Sets {
  readonly sets = new Map<string, Set<string>>()

  run(commands: string): number {
    let changes = 0
    for (const line of commands.split('\n').filter(Boolean)) {
      const match = /^(add|delete) element inet anyward_rescue (roster_ip6?_\d+) \{ (.*) \}$/.exec(line)
      if (match === null) throw new Error(`not a command: ${line}`)
      const [, verb, name, list] = match
      const set = this.sets.get(name!) ?? new Set()
      this.sets.set(name!, set)
      for (const element of list!.split(', ')) {
        changes += 1
        if (set.has(element) === (verb === 'add')) throw new Error(`${verb} ${element}`)
        if (verb === 'add') set.add(element)
        else set.delete(element)
      }
    }
    return changes
  }

  list(): string[] {
    return [...this.sets].flatMap(([name, set]) => [...set].map((element) => `${name} ${element}`)).sort()
  }
}

const endpoint = fc.record({
  address: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:DB8:0::1', '2001:db8::2'),
  port: fc.constantFrom(1, 51_820),
})
const step = fc.oneof(
  fc.record({
    kind: fc.constant('take' as const),
    service: fc.nat(1),
    added: fc.array(endpoint, { maxLength: 4 }),
    removed: fc.array(endpoint, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('apply' as const), most: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('lost' as const) }),
)

test('the kernel’s sets become what peers have, in any order of changes, batches and losses', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const roster = new RosterChanges(2)
      const peers = new Map<string, number>()
      let kernel = new Sets()
      for (const item of steps) {
        if (item.kind === 'lost') {
          kernel = new Sets()
          roster.restart()
        } else if (item.kind === 'apply') {
          expect(kernel.run(roster.takeCommands(item.most))).toBeLessThanOrEqual(item.most)
        } else {
          for (const one of item.removed) count(peers, item.service, one, -1)
          for (const one of item.added) count(peers, item.service, one, 1)
          expect(roster.take(item.service, item.added, item.removed)).toBe(0)
        }
      }
      while (!roster.isEmpty) kernel.run(roster.takeCommands(3))
      expect(kernel.list()).toEqual([...peers.keys()].sort())
      expect(roster.size).toBe(peers.size)
    }),
    { numRuns: 1000 },
  )
})

function count(
  peers: Map<string, number>,
  service: number,
  { address, port }: { address: string; port: number },
  by: 1 | -1,
): void {
  const canonical = address.toLowerCase().replace(':0::', '::')
  const key = `roster_${canonical.includes(':') ? 'ip6' : 'ip'}_${service} ${canonical} . ${port}`
  const now = (peers.get(key) ?? 0) + by
  if (now > 0) peers.set(key, now)
  else peers.delete(key)
}

describe('refuses', () => {
  test.each([
    ['a host name', { address: 'client.example', port: 5 }],
    ['commands of nft', { address: '10.0.0.1 . 5 }; flush ruleset; #', port: 5 }],
    ['a line break', { address: '10.0.0.1\n', port: 5 }],
    ['a link-local address', { address: 'fe80::1', port: 5 }],
    ['a zone', { address: 'fe80::1%eth0', port: 5 }],
    ['a prefix', { address: '10.0.0.0/8', port: 5 }],
    ['octal', { address: '010.0.0.1', port: 5 }],
    ['port 0', { address: '10.0.0.1', port: 0 }],
    ['a port above 65,535', { address: '10.0.0.1', port: 65_536 }],
    ['a part of a port', { address: '10.0.0.1', port: 1.5 }],
    ['no number', { address: '10.0.0.1', port: Number.NaN }],
  ])('%s', (_case, one) => {
    const roster = new RosterChanges(1)
    expect(roster.take(0, [one], [])).toBe(1)
    expect(roster.take(0, [], [one])).toBe(0)
    expect(roster.isEmpty).toBe(true)
  })

  test('endpoints beyond the limit, and takes them again when others have left', () => {
    const roster = new RosterChanges(1)
    const make = (index: number) => ({
      address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      port: 1,
    })
    const all = Array.from({ length: maxElements + 3 }, (_, index) => make(index))
    expect(roster.take(0, all, [])).toBe(3)
    expect(roster.take(0, [make(maxElements)], [make(0)])).toBe(0)
    expect(roster.size).toBe(maxElements)
  })
})
