import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { BirdClient } from '../../../src/routing/bird/client.ts'
import { cli, type Lab, labDown, labUp, until } from '../fixture-lab/lab.ts'
import { NodeUnderTest } from './node-under-test.ts'

let lab: Lab
const nodes: NodeUnderTest[] = []

beforeAll(async () => {
  lab = await labUp('test/e2e/failures/fleet-pair')
  for (const node of lab.nodes) {
    const one = new NodeUnderTest(lab, node)
    one.everything = await one.rows()
    nodes.push(one)
  }
  await reflect()
  for (const node of nodes) await node.back()
}, 240_000)
afterAll(async () => {
  for (const node of nodes) await node.close()
  await labDown()
}, 60_000)
afterEach(async () => {
  for (const node of nodes) await node.mend()
})

/** The lab's iBGP neighbor reflects nothing by itself: here each node hears of the other through it. */
async function reflect(): Promise<void> {
  const { controlSocket, sessions } = lab.neighbors.find(({ name }) => name === 'reflector')!
  const file = join(controlSocket, '../bird.conf')
  const config = await readFile(file, 'utf8')
  const reflecting = sessions.reduce(
    (text, { protocol }) =>
      text.replace(
        new RegExp(`(protocol bgp ${protocol} \\{[^]*?)export [^;]*;([^]*?)next hop self;`),
        (_, before, between) =>
          `${before.replace(/\{/, '{ rr client;')}export where source = RTS_BGP;${between}`,
      ),
    config,
  )
  await writeFile(file, reflecting)
  const client = new BirdClient({ socketPath: controlSocket, deadlineMs: 10_000 })
  await client.send('configure')
  client.close()
  const established = async () => {
    const reader = new BirdClient({ socketPath: controlSocket, deadlineMs: 10_000 })
    const { lines } = await reader.send('show protocols')
    reader.close()
    return sessions.filter(({ protocol }) =>
      lines.some(({ text }) => text.startsWith(`${protocol} `) && text.includes('Established')),
    ).length
  }
  await until('the reflector’s sessions are up', established, (count) => count === sessions.length)
}

const decisionsOf = async (node: NodeUnderTest) =>
  (await node.status()).services.map(({ name, decision, reason }) => `${name} ${decision} ${reason}`)

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let node: NodeUnderTest

  beforeAll(() => {
    node = nodes.find((candidate) => candidate.node.daemon === kind)!
  })

  test('failure 2: a controller that is restarted, in order or not, withdraws none of its services', async () => {
    await node.expectKept(async () => {
      await node.restart()
      await node.agrees()
      await node.stop('SIGKILL')
      await node.start()
      await node.until('healthy', ({ services }) => services.every(({ reason }) => reason === 'healthy'))
      await node.agrees()
    })
  })

  test('failure 2: a service that fails while its controller restarts takes the other one not with it', async () => {
    const others = node.everything.filter((row) => !row.endsWith(' 192.0.2.1/32'))
    await node.stop('SIGKILL')
    await node.removeAddress()
    await node.start()
    await node.untilRows('the other service is left', (rows) => rows.join() === others.join())
    await node.agrees()
  })

  test('failure 19: a prefix that services share stays as long as one of them serves', async () => {
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

  test('failure 24: a drain sends the clients away before the routes go, and says what it waits for', async () => {
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

test('failure 22: when the probes of all sites break at once, the last site keeps announcing, degraded', async () => {
  // One after the other, and at once: nobody can see what the others are about to do.
  for (const atOnce of [false, true]) {
    const [first, second] = nodes as [NodeUnderTest, NodeUnderTest]
    if (atOnce) await Promise.all(nodes.map((node) => node.setProbePeer('vpn', false)))
    else {
      await first.setProbePeer('vpn', false)
      const isDead = ({ services }: Awaited<ReturnType<NodeUnderTest['status']>>) =>
        services.some(({ name, decision }) => name === 'vpn' && decision !== 'announce')
      await first.until('it looks dead', isDead)
      await second.setProbePeer('vpn', false)
    }
    // Whoever finds nobody else that serves holds on.
    await until(
      'all is at rest, and somebody announces',
      async () => (await Promise.all(nodes.map(decisionsOf))).flat().filter((line) => line.startsWith('vpn')),
      (lines) =>
        lines.every((line) => !/announce|starting/.test(line)) &&
        lines.some((line) => line === 'vpn degrade last-site'),
    )
    for (const node of nodes) await node.agrees()
    const rows = (await Promise.all(nodes.map((node) => node.rows()))).flat()
    expect(
      rows.filter((row) => row.startsWith('tor-') && row.endsWith(' 192.0.2.1/32')).length,
    ).toBeGreaterThan(0)
    const metrics = (await Promise.all(nodes.map((node) => node.metrics()))).join('\n')
    expect(metrics).toContain('anyward_decision{service="vpn",decision="degrade",reason="last-site"} 1')
    await Promise.all(nodes.map((node) => node.setProbePeer('vpn', true)))
    for (const node of nodes) await node.back()
  }
})
