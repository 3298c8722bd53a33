import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ScenarioName } from '../../src/lab/scenario/names.ts'
import { readState } from '../../src/lab/state.ts'
import { NodeUnderTest } from '../e2e/failures/node-under-test.ts'
import { inside, type Lab, labDown, labUp } from '../e2e/fixtures/lab/lab.ts'
import { findLeftovers } from '../e2e/fixtures/lab/leftovers.ts'
import { expectScenario, minutes, reasons, rows, run, untilRestored } from './fixture/scenarios.ts'

describe('a lab of two sites on the kernel’s WireGuard', () => {
  let lab: Lab
  let everything: string[]

  beforeAll(async () => {
    lab = await labUp('test/kernel/fleet')
    everything = await rows(lab)
  }, minutes(5))
  afterAll(async () => {
    await labDown()
    expect(await findLeftovers()).toEqual([])
  }, minutes(3))

  test('has interfaces of the kernel, and no process of WireGuard', async () => {
    expect((await readState())!.kernelWireguard).toBe(true)
    for (const node of lab.nodes) {
      expect(node).toMatchObject({ wireguardPid: null })
      const { stdout } = await inside(node, 'ip', ['-d', 'link', 'show', node.wireguardInterface])
      expect(stdout).toMatch(/^ {4}wireguard/m)
    }
    expect(everything.length).toBe(lab.nodes.length * 2)
  })

  test.each(Object.keys(reasons) as ScenarioName[])(
    'the scenario %s on both daemons: the reason, the order, the restoration, three times the bound',
    async (name) => {
      const results = await run(name)
      expect(results.map(({ daemon }) => daemon)).toEqual(['bird', 'frr'])
      for (const result of results) await expectScenario(name, result)
      await untilRestored(lab, everything)
    },
    minutes(6),
  )

  describe.each([
    ['20 ms and 1% loss', ['delay', '20ms'], ['loss', '1%']],
    ['50 ms, jitter of 10 ms and 3% loss', ['delay', '50ms', '10ms'], ['loss', '3%']],
  ])('on links with %s, and a loopback as slow', (_, slow, loss) => {
    const shape = async (verb: 'add' | 'del') => {
      for (const node of lab.nodes) {
        const { stdout } = await inside(node, 'ip', ['-o', '-br', 'link', 'show', 'type', 'veth'])
        const links = stdout.split('\n').map((line) => line.split(/[@ ]/)[0]!)
        expect(links.length).toBeGreaterThan(0)
        for (const link of ['lo', ...links]) {
          // Loss on a loopback is none of a network: one lost packet in 30 there is a dead endpoint now and then.
          const netem = verb === 'del' ? [] : [...slow, ...(link === 'lo' ? [] : loss)]
          await inside(node, 'tc', ['qdisc', verb, 'dev', link, 'root', 'netem', ...netem])
        }
      }
    }
    beforeAll(() => shape('add'), minutes(1))
    afterAll(() => shape('del'), minutes(1))

    test(
      'a healthy endpoint is never withdrawn',
      async () => {
        const watched = lab.nodes.map((node) => new NodeUnderTest(lab, node))
        const before = await Promise.all(watched.map((node) => node.events()))
        try {
          const deadline = performance.now() + 30_000
          while (performance.now() < deadline) {
            expect(await rows(lab)).toEqual(everything)
            await delay(500)
          }
          for (const [at, node] of watched.entries()) {
            const decisions = (await node.events())
              .slice(before[at]!.length)
              .filter(({ event }) => event === 'decision')
            expect(decisions.filter(({ decision }) => decision === 'withdraw')).toEqual([])
            // `starved`: the guest itself was short of time, which is neither good nor bad.
            expect(decisions.filter(({ reason }) => !/^(?:healthy|starved)$/.test(String(reason)))).toEqual(
              [],
            )
            const { services } = await node.status()
            expect(services).toMatchObject([{ decision: 'announce' }])
          }
        } finally {
          for (const node of watched) await node.close()
        }
      },
      minutes(3),
    )

    test(
      'a dead endpoint is withdrawn with its reason, and restored',
      async () => {
        for (const result of await run('wrong-key')) await expectScenario('wrong-key', result)
        await untilRestored(lab, everything)
      },
      minutes(5),
    )
  })
})
