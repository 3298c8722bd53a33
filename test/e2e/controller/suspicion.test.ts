import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { patience } from '../../patience.ts'
import { NodeUnderTest } from '../failures/node-under-test.ts'
import { type Lab, labDown, labUp, until } from '../fixtures/lab/lab.ts'

const table = 'anyward_test_losses'
let lab: Lab
const nodes: NodeUnderTest[] = []

beforeAll(async () => {
  lab = await labUp('test/e2e/failures/fleet')
  for (const node of lab.nodes) {
    const one = new NodeUnderTest(lab, node)
    await one.learn()
    nodes.push(one)
  }
}, patience(240_000))
afterAll(async () => {
  for (const node of nodes) await node.close()
  await labDown()
}, patience(60_000))

/** As `fall` counts without suspicion: no endpoint that hangs is withdrawn before. */
const withoutSuspicionMs = 700
const defaults = ({ services }: Manifest) => {
  for (const { probe } of services) Object.assign(probe, { intervalMs: 200, timeoutMs: 300, fall: 3 })
}

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let node: NodeUnderTest

  beforeAll(() => {
    node = nodes.find((candidate) => candidate.node.daemon === kind)!
  })
  afterEach(() => node.repair())

  const nft = (rules: string) =>
    execa('ip', ['netns', 'exec', node.node.namespace, 'nft', '-f', '-'], { input: rules })
  const hang = async (): Promise<number> => {
    const pids = await node.wireguardPids()
    const begun = performance.now()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    try {
      await node.untilRows('withdrawn', (rows) => rows.length === 0)
      return performance.now() - begun
    } finally {
      // A pause that ends sooner than it would be found without suspicion makes the probe patient.
      await until(
        'the hang has lasted',
        async () => performance.now() - begun,
        (ms) => ms > 2 * withoutSuspicionMs,
      )
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
  }

  test('an endpoint that hangs is withdrawn before three timeouts have passed, where the machine has time', async () => {
    await node.restart({ change: defaults })
    await node.back()
    const times: number[] = []
    // A busy machine is asked as without suspicion for a while.
    while (times.length < 20 && !times.some((ms) => ms < withoutSuspicionMs)) {
      times.push(await hang())
      await node.back()
    }
    expect(Math.min(...times)).toBeLessThan(withoutSuspicionMs)
  })

  test.each([10, 20])(
    'an endpoint that loses %i of 100 packets is degraded, and not withdrawn',
    async (percent) => {
      await node.restart({ change: defaults })
      await node.back()
      const before = (await node.events()).length
      await node.expectKept(async () => {
        await nft(
          `table inet ${table} { chain input { type filter hook input priority 0; udp dport 51820 numgen random mod 100 < ${percent} drop; udp sport 51820 numgen random mod 100 < ${percent} drop; }; }`,
        )
        try {
          await node.untilGrade('degraded')
          const begun = performance.now()
          await until(
            '20 s',
            async () => performance.now() - begun,
            (ms) => ms > 20_000,
          )
          const { services } = await node.status()
          expect(services[0]).toMatchObject({ health: 'impaired', decision: 'degrade', reason: 'loss' })
        } finally {
          await nft(`delete table inet ${table}`)
        }
        await node.untilGrade('normal')
      })
      const decisions = (await node.events()).slice(before).filter(({ event }) => event === 'decision')
      expect(decisions.map(({ decision, reason }) => `${decision} ${reason}`)).toEqual([
        'degrade loss',
        'announce healthy',
      ])
    },
  )
})
