import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readState } from '../../src/lab/state.ts'
import { NodeUnderTest } from '../e2e/failures/node-under-test.ts'
import { inside, type Lab, type LabNode, labDown, labUp } from '../e2e/fixtures/lab/lab.ts'
import { rescuedMs, runScenario } from '../e2e/fixtures/rescue/run-scenario.ts'
import { patience } from '../patience.ts'
import { minutes } from './fixture/scenarios.ts'

const shape = ['delay', '20ms', 'loss', '1%']

describe('session rescue with the kernel’s WireGuard, for a client whose link has 20 ms and 1% loss in each direction', () => {
  let lab: Lab
  let oslo: NodeUnderTest
  let others: LabNode[]

  beforeAll(async () => {
    lab = await labUp('test/e2e/rescue/shared-sites')
    oslo = new NodeUnderTest(lab, lab.nodes.find(({ site }) => site === 'oslo')!)
    others = lab.nodes.filter((node) => node !== oslo.node)
    await shapeLink(lab)
  }, minutes(5))
  afterAll(async () => {
    await oslo?.close()
    await labDown()
  }, minutes(3))

  // A client that only receives answers what the site that was chosen begins, and its answer may arrive at the right one.
  test.each([
    ['idle-client', 'withdraw', /^(?:reported|packet)$/],
    ['site-change-told', 'withdraw', /^(?:reported|packet)$/],
    ['site-change-silent', null, /^packet$/],
  ] as const)(
    '%s: the client is at another site at once, and the events say why',
    async (name, decision, trigger) => {
      const [before, events] = [await countRescues(others), (await oslo.events()).length]
      const { results, stderr } = await runScenario(name, '--node', oslo.node.name)
      expect(results, stderr).toHaveLength(1)
      const [{ clientOutageMs, detail, restoredMs }] = results as [(typeof results)[number]]
      console.log(JSON.stringify(results))
      if (clientOutageMs === null) console.log(await describeWireguard(lab))
      expect(detail).toContain('client-oslo was at another site')
      expect(clientOutageMs, detail).toBeLessThan(patience(rescuedMs))
      expect(restoredMs, detail).toBeGreaterThan(0)
      const decisions = (await oslo.events()).slice(events).map((one) => one.decision)
      expect(decisions.includes('withdraw')).toBe(decision === 'withdraw')
      const after = await countRescues(others)
      const done = [...after].filter(([key, count]) => count > (before.get(key) ?? 0)).map(([key]) => key)
      const triggers = done.map((key) => key.split(' ')[0]!)
      for (const one of triggers) expect(one, done.join()).toMatch(trigger)
      expect(
        done.some((key) => key.endsWith(' handshake')),
        done.join(),
      ).toBe(true)
    },
    minutes(4),
  )
})

/** Both ends of the link of oslo's client. */
async function shapeLink(lab: Lab): Promise<void> {
  const client = (await readState())!.clients.find(({ site }) => site === 'oslo')!
  const router = lab.neighbors.find(({ name }) => name === client.router)!
  const { stdout } = await execa('ip', ['-n', router.namespace, 'route', 'get', client.underlay.address])
  const [, gateway] = / dev (\S+)/.exec(stdout)!
  for (const [namespace, link] of [
    [client.namespace, 'wan0'],
    [router.namespace, gateway!],
  ] as const)
    await execa('ip', [
      'netns',
      'exec',
      namespace,
      'tc',
      'qdisc',
      'add',
      'dev',
      link,
      'root',
      'netem',
      ...shape,
    ])
  const ping = ['ping', '-n', '-c', '20', '-i', '0.05', client.underlay.gateway]
  const { stdout: log } = await execa('ip', ['netns', 'exec', client.namespace, ...ping], { reject: false })
  expect(Number(/= ([\d.]+)\//.exec(log)?.[1]), log).toBeGreaterThanOrEqual(40)
}

/** How many rescues these nodes have ended, by `TRIGGER OUTCOME`. */
async function countRescues(nodes: readonly LabNode[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const { statusUrl } of nodes) {
    const text = await (await fetch(new URL('/metrics', statusUrl))).text()
    for (const [, trigger, outcome, count] of text.matchAll(
      /^anyward_rescues_total\{.*trigger="(\w+)".*outcome="(\w+)".*\} (\d+)$/gm,
    ))
      counts.set(`${trigger} ${outcome}`, (counts.get(`${trigger} ${outcome}`) ?? 0) + Number(count))
  }
  return counts
}

/** What each node has of its peers, without keys that are secret. */
async function describeWireguard(lab: Lab): Promise<string> {
  const texts = lab.nodes.map(async (node) => {
    const { stdout } = await inside(node, 'wg', ['show', node.wireguardInterface])
    return `${node.name}\n${stdout}`
  })
  return (await Promise.all(texts)).join('\n')
}
