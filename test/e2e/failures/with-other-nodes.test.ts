import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { cli, type Lab, labDown, labUp, until } from '../fixtures/lab/lab.ts'
import { NodeUnderTest } from './node-under-test.ts'
import { Reflector } from './reflector.ts'

let lab: Lab
let reflector: Reflector
const nodes: NodeUnderTest[] = []

beforeAll(async () => {
  lab = await labUp('test/e2e/failures/fleet-pair')
  for (const node of lab.nodes) {
    const one = new NodeUnderTest(lab, node)
    await one.learn()
    nodes.push(one)
  }
  reflector = new Reflector(lab)
  await reflector.prefer(nodes[0]!)
  for (const node of nodes) await node.back()
}, patience(240_000))
afterAll(async () => {
  reflector.close()
  for (const node of nodes) await node.close()
  await labDown()
}, patience(60_000))
afterEach(async () => {
  for (const node of nodes) await node.repair()
})

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let node: NodeUnderTest

  beforeAll(() => {
    node = nodes.find((candidate) => candidate.node.daemon === kind)!
  })

  test('failure 2: a restart of the controller, clean or by SIGKILL, withdraws no service', async () => {
    await node.expectKept(async () => {
      await node.restart()
      await node.agrees()
      await node.stop('SIGKILL')
      await node.start()
      await node.until('healthy', ({ services }) => services.every(({ reason }) => reason === 'healthy'))
      await node.agrees()
    })
  })

  test('failure 2: a service that fails during a restart of the controller does not withdraw the other one', async () => {
    const others = node.everything.filter((row) => !row.endsWith(' 192.0.2.1/32'))
    await node.stop('SIGKILL')
    await node.removeAddress()
    await node.start()
    await node.untilRows('the other service is left', (rows) => rows.join() === others.join())
    await node.agrees()
  })

  test('failure 19: a prefix that services share stays announced while one of them works', async () => {
    const shared = node.everything.filter((row) => row.endsWith(' 192.0.2.0/24'))
    const left = node.everything.filter((row) => !row.endsWith(' 192.0.2.1/32'))
    expect(left.length).toBe(node.everything.length - 2)
    let misses = 0
    let done = false
    const looking = (async () => {
      while (!done) {
        const rows = await node.rows()
        if (!shared.every((row) => rows.includes(row))) misses += 1
      }
    })()
    try {
      await node.removeAddress('192.0.2.1/32')
      await node.untilRows('its own prefix is gone', (rows) => rows.join() === left.join())
      await node.agrees()
      expect(misses).toBe(0)
    } finally {
      done = true
    }
    await looking
    await node.removeAddress('192.0.2.2/32')
    await node.gone()
  })

  test('failure 24: a drain moves the clients away before the withdrawal, and reports what it waits for', async () => {
    await node.restart({
      change: ({ services }) => {
        for (const service of services) service.drain = { idleMs: 60_000, limitMs: 4000, undrainMs: 0 }
      },
    })
    await node.back()
    const order = node.run(process.execPath, [cli, 'drain', '--no-wait'])
    await node.untilGrade('degraded')
    const { services } = await node.status()
    expect(services.map(({ drain }) => drain.stage)).toEqual(['degrading', 'degrading'])
    expect(services.map(({ drain }) => drain.waitingFor)).toEqual([expect.any(String), expect.any(String)])
    await order
    await node.gone()
    expect((await node.status()).services.map(({ drain }) => drain.ending)).toEqual(['limit', 'limit'])
    await node.run(process.execPath, [cli, 'undrain'])
  })
})

const states = {
  serves: /^announce healthy$/,
  holdsOn: /^degrade last-site$/,
  hasLeft: /^withdraw (peer-missing|no-reply)$/,
} as const
type State = keyof typeof states

/** Longer than the resync interval of a controller, so that an oscillating service is not taken for a settled one. */
const restMs = 1500

/** Waits until these services of these nodes settle in these states, the others are announced, and the neighbors agree. */
async function untilRest(
  services: readonly string[],
  ...expected: readonly (readonly [NodeUnderTest, State])[]
) {
  let since: number | null = null
  await until(
    `at rest, ${services.join(' and ')}: ${expected.map(([{ node }, state]) => `${node.name} ${state}`).join(', ')}`,
    () =>
      Promise.all(
        expected.map(async ([node, state]) => {
          const [status, rows] = await Promise.all([node.status(), node.rows()])
          const found = status.services.map(({ name, decision, reason }) => {
            const { anycast } = node.manifest.services.find((service) => service.name === name)!
            const wanted = services.includes(name) ? state : 'serves'
            const advertised = rows.filter((row) => anycast.some((address) => row.endsWith(` ${address}/32`)))
            const isSo =
              states[wanted].test(`${decision} ${reason}`) && advertised.length > 0 === (wanted !== 'hasLeft')
            return { service: `${node.node.name} ${name}`, decision, reason, advertised, isSo }
          })
          return { found, verified: status.daemon.verified }
        }),
      ),
    (looks) => {
      const isSo = looks.every(({ found, verified }) => verified && found.every((one) => one.isSo))
      since = isSo ? (since ?? performance.now()) : null
      return since !== null && performance.now() - since > restMs
    },
  )
  for (const [node] of expected) await node.agrees()
}

describe.each(['bird', 'frr'] as const)('behind a route reflector that prefers the path of %s', (kind) => {
  let preferred: NodeUnderTest
  let other: NodeUnderTest

  beforeAll(async () => {
    preferred = nodes.find(({ node }) => node.daemon === kind)!
    other = nodes.find((node) => node !== preferred)!
    await reflector.prefer(preferred)
  })

  test('failure 22: when the probes break one after the other, the first site withdraws, and the last stays announced, degraded', async () => {
    const orders = [
      [preferred, other],
      [other, preferred],
    ] as const
    for (const [first, second] of orders) {
      await first.setProbePeer('vpn', false)
      // Its other service is healthy, and keeps the shared prefix at the reflector.
      await untilRest(['vpn'], [first, 'hasLeft'], [second, 'serves'])
      await second.setProbePeer('vpn', false)
      // To both sites no service appears healthy: the withdrawn site announces again.
      await untilRest(['vpn'], [first, 'holdsOn'], [second, 'holdsOn'])
      for (const node of nodes) {
        expect(await node.metrics()).toContain(
          'anyward_decision{service="vpn",decision="degrade",reason="last-site"} 1',
        )
      }
      await second.setProbePeer('vpn', true)
      await untilRest(['vpn'], [first, 'hasLeft'], [second, 'serves'])
      await first.setProbePeer('vpn', true)
      for (const node of nodes) await node.back()
    }
  })

  test('failure 22: when all probes of all sites break at once, all stay announced, degraded, until one recovers', async () => {
    const services = ['vpn', 'second']
    const setProbePeers = (node: NodeUnderTest, present: boolean) =>
      Promise.all(services.map((service) => node.setProbePeer(service, present)))
    // No node knows what the others are about to do.
    await Promise.all(nodes.map((node) => setProbePeers(node, false)))
    await untilRest(services, [preferred, 'holdsOn'], [other, 'holdsOn'])
    for (const node of nodes) await node.untilGrade('degraded')
    await setProbePeers(other, true)
    await untilRest(services, [preferred, 'hasLeft'], [other, 'serves'])
    await preferred.gone()
  })
})
