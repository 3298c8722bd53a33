import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import type { AloneAction } from '../../../src/manifest/words.ts'
import { patience } from '../../patience.ts'
import { NodeUnderTest } from '../failures/node-under-test.ts'
import { EtcdCluster } from '../fixtures/etcd/cluster.ts'
import { cli, labDown, labUp, until } from '../fixtures/lab/lab.ts'

// Three sites that do not see each other over iBGP, one node each; minSites is 2, half of three. The controllers are
// those of `anyward controller`, and agree over three real members of etcd.
let cluster: EtcdCluster
const nodes: NodeUnderTest[] = []

beforeAll(async () => {
  const lab = await labUp('test/e2e/fleet/three-sites')
  cluster = await EtcdCluster.start(lab.nodes.map(({ site }) => site))
  for (const node of lab.nodes) {
    const one = new NodeUnderTest(lab, node)
    await one.learn()
    nodes.push(one)
    await cluster.attach(node.namespace, 100 + nodes.length)
  }
  await joinAll('hold')
}, patience(300_000))
afterAll(async () => {
  for (const node of nodes) await node.close()
  await labDown()
  await cluster.stop()
}, patience(120_000))
afterEach(async () => {
  for (const member of cluster.members) member.thaw()
  for (const node of nodes) await node.setProbePeer('vpn', true)
  for (const node of nodes) {
    const { operator } = await node.until('the controller answers', () => true)
    if (operator.intent !== 'serve') await node.run(process.execPath, [cli, 'undrain'])
  }
  await allAreWell()
}, patience(120_000))

/** @param dead on a busy machine the store may be late, and a site that decides alone would not keep minSites */
async function joinAll(dead: AloneAction): Promise<void> {
  for (const node of nodes) {
    const folder = cluster.folderOf(node.node.site)
    const store = {
      endpoints: cluster.endpoints.map((url) => url.replace('https://', '')),
      caFile: join(folder, 'ca.crt'),
      certFile: join(folder, 'client.crt'),
      keyFile: join(folder, 'client.key'),
    }
    const change = (manifest: Manifest) => {
      Object.assign(manifest, { store })
      Object.assign(manifest.services[0]!.alone, { dead })
    }
    await node.restart({ change })
  }
  await allAreWell()
}

/** The nodes in the register. */
async function holders(): Promise<string[]> {
  const { stdout } = await cluster.etcdctl('root', ['get', 'permit/vpn', '--print-value-only'])
  return stdout === '' ? [] : JSON.parse(stdout).map(({ node }: { node: string }) => node)
}

async function allAreWell(): Promise<void> {
  for (const node of nodes) await node.back()
  await until(
    'every site is well in the store',
    async () => {
      const { stdout } = await cluster.etcdctl('root', ['get', 'beat/', '--prefix', '--print-value-only'])
      return [stdout, await holders()] as const
    },
    ([beats, held]) => beats.split('"vpn"').length === nodes.length + 1 && held.length === 0,
  )
}

/** Polls the neighbors meanwhile, and returns the least number of sites that announced. */
async function leastAnnouncing(during: () => Promise<unknown>): Promise<number> {
  let least = nodes.length
  let done = false
  let before: readonly boolean[] = nodes.map(() => true)
  const looking = (async () => {
    while (!done) {
      const now = await Promise.all(nodes.map(async (node) => (await node.rows()).length > 0))
      // The neighbors are read one after the other: a site counts as missing if it is in two rounds.
      least = Math.min(least, now.filter((isThere, index) => isThere || before[index]).length)
      before = now
    }
  })()
  await during().finally(() => {
    done = true
  })
  await looking
  return least
}

const breakProbe = (node: NodeUnderTest) => node.setProbePeer('vpn', false)
const [ams1, fra1, lon1] = [0, 1, 2] as const

test('one dead site withdraws, the second stays, degraded; it withdraws once another is well again', async () => {
  const least = await leastAnnouncing(async () => {
    await breakProbe(nodes[ams1]!)
    await nodes[ams1]!.gone()
    expect(await holders()).toEqual(['ams1/ams1-a'])
    await breakProbe(nodes[fra1]!)
    await nodes[fra1]!.untilGrade('degraded')
    const { services } = await nodes[fra1]!.status()
    expect(services[0]).toMatchObject({ decision: 'degrade', reason: 'last-site' })
    expect(services[0]!.detail).toMatch(/; still announced: 1 other site is well, and minSites is 2$/)
    await nodes[ams1]!.setProbePeer('vpn', true)
    await nodes[ams1]!.back()
    await nodes[fra1]!.gone()
    expect(await holders()).toEqual(['fra1/fra1-a'])
  })
  expect(least).toBe(2)
})

test('of sites that fail at once, none is withdrawn below minSites, and all come to rest', async () => {
  const least = await leastAnnouncing(async () => {
    await Promise.all(nodes.map(breakProbe))
    for (const node of nodes) {
      await node.until('decided', ({ services }) => services.every(({ reason }) => reason !== 'healthy'))
    }
    await until(
      'all are at rest',
      async () => Promise.all(nodes.map(async (node) => [await node.grade(), await node.status()] as const)),
      (found) =>
        found.every(
          ([grade, { services, daemon }]) =>
            daemon.verified &&
            ((grade === 'none' && services[0]!.decision === 'withdraw') ||
              (grade === 'degraded' && services[0]!.reason === 'last-site')),
        ),
    )
  })
  expect(least).toBeGreaterThanOrEqual(2)
})

test('an order asks too: refused, it says why and how to force it, and forced, it is done and logged', async () => {
  await breakProbe(nodes[ams1]!)
  await nodes[ams1]!.gone()
  const withdraw = (...options: string[]) =>
    execa(
      'ip',
      ['netns', 'exec', nodes[lon1]!.node.namespace, process.execPath, cli, 'withdraw', ...options],
      { reject: false },
    )
  const refused = await withdraw('--reason', 'disk')
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain(
    'vpn is NOT withdrawn: the operator ordered the withdrawal; still announced: 1 other site is well, and minSites is 2',
  )
  expect(refused.stderr).toContain('anyward withdraw --force --reason TEXT')
  expect(await nodes[lon1]!.grade()).toBe('degraded')
  const unreasoned = await withdraw('--force')
  expect([unreasoned.exitCode, unreasoned.stderr]).toEqual([
    2,
    expect.stringContaining('--force needs --reason'),
  ])
  const before = (await nodes[lon1]!.events()).length
  const forced = await withdraw('--force', '--reason', 'disk')
  expect([forced.exitCode, forced.stderr]).toEqual([0, ''])
  await nodes[lon1]!.gone()
  await nodes[lon1]!.untilEvent(
    { event: 'operator', intent: 'withdraw', reason: 'disk', forcedBy: 'root' },
    before,
  )
  await until('the register has both', holders, (held) => held.join() === 'ams1/ams1-a,lon1/lon1-a')
})

test('a store that hangs delays the withdrawal of a dead site by no more than 250 ms', async () => {
  await joinAll('withdraw')
  const tookMs = async () => {
    await breakProbe(nodes[ams1]!)
    await nodes[ams1]!.gone()
    const metrics = await nodes[ams1]!.metrics()
    const sum = Number(/^anyward_transition_seconds_sum\{.*to="withdraw"\} (\S+)$/m.exec(metrics)![1])
    return 1000 * sum
  }
  const alone = await tookMs()
  await nodes[ams1]!.setProbePeer('vpn', true)
  await allAreWell()
  await Promise.all(cluster.members.map((member) => member.freeze()))
  const hung = (await tookMs()) - alone
  expect(hung - alone).toBeLessThan(250 + patience(250))
  for (const member of cluster.members) member.thaw()
  // It is in the register once the store answers.
  await until('the register has it', holders, (held) => held.join() === 'ams1/ams1-a')
})
