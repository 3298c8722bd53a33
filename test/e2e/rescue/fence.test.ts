import { randomBytes } from 'node:crypto'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import {
  cli,
  inside,
  type Lab,
  type LabNode,
  labDown,
  labUp,
  NeighborTables,
  until,
} from '../fixtures/lab/lab.ts'

const table = 'inet anyward_fence'
/** Of the initiations and the keepalives that WireGuard sends: before the fence, and after it. */
const counters = `table inet count {
  counter initiations-sent {}
  counter initiations-passed {}
  counter keepalives-sent {}
  counter keepalives-passed {}
  chain before {
    type filter hook output priority -320;
    udp sport 51820 @th,64,8 1 counter name initiations-sent
    udp sport 51820 @th,64,8 4 udp length 40 counter name keepalives-sent
  }
  chain after {
    type filter hook output priority 0;
    udp sport 51820 @th,64,8 1 counter name initiations-passed
    udp sport 51820 @th,64,8 4 udp length 40 counter name keepalives-passed
  }
}`
const announced = 2

describe.each(['bird', 'frr'] as const)('a node with %s that does not announce', (daemon) => {
  let lab: Lab
  let node: LabNode
  let tables: NeighborTables
  beforeAll(async () => {
    lab = await labUp('test/e2e/rescue/sites')
    node = lab.nodes.find((one) => one.daemon === daemon)!
    tables = new NeighborTables(lab, node)
    await inside(node, 'nft', [counters])
  }, patience(120_000))
  afterAll(async () => {
    tables?.close()
    await labDown()
  }, patience(60_000))

  const isFenced = async () =>
    (
      await execa('ip', ['netns', 'exec', node.namespace, 'nft', 'list', 'table', ...table.split(' ')], {
        reject: false,
      })
    ).exitCode === 0
  const untilFenced = (wanted: boolean) =>
    until(wanted ? 'it is fenced' : 'it is not fenced', isFenced, (is) => is === wanted)
  const untilRoutes = (count: number) =>
    until(
      `the neighbor has ${count} routes`,
      () => tables.read(),
      (rows) => rows.length === count,
    )
  const order = (...words: string[]) =>
    execa(process.execPath, [cli, ...words, '--node', node.name], { reject: false })
  const count = async (name: string) => {
    const { stdout } = await inside(node, 'nft', ['-j', 'list', 'counter', 'inet', 'count', name])
    const { nftables } = JSON.parse(stdout) as { nftables: { counter?: { packets: number } }[] }
    return nftables.find(({ counter }) => counter)!.counter!.packets
  }
  const setPeer = (peer: string, ...words: string[]) =>
    inside(node, 'wg', ['set', node.wireguardInterface, 'peer', peer, ...words])
  /** Whether what WireGuard of the node sends then leaves it. */
  const sends = async (what: 'initiations' | 'keepalives', begin: () => Promise<unknown>) => {
    const [before, passed] = [await count(`${what}-sent`), await count(`${what}-passed`)]
    await begin()
    await until(
      `WireGuard has sent ${what}`,
      () => count(`${what}-sent`),
      (now) => now > before,
    )
    return { passed: (await count(`${what}-passed`)) > passed }
  }
  /** With a new peer, which does not answer. */
  const startHandshake = async () => {
    const peer = randomBytes(32).toString('base64')
    const left = await sends('initiations', () =>
      setPeer(peer, 'endpoint', '203.0.113.9:9', 'persistent-keepalive', '1'),
    )
    await setPeer(peer, 'remove')
    return left
  }
  /** To its probe, with which it has a session. */
  const sendKeepalive = async () => {
    const { stdout } = await inside(node, 'wg', ['show', node.wireguardInterface, 'latest-handshakes'])
    const [, peer] = /^(\S+)\t[1-9]/m.exec(stdout)!
    const left = await sends('keepalives', () => setPeer(peer!, 'persistent-keepalive', '1'))
    await setPeer(peer!, 'persistent-keepalive', 'off')
    return left
  }

  test('while it announces, there is no fence', { timeout: patience(60_000) }, async () => {
    await untilRoutes(announced)
    await untilFenced(false)
    expect(await startHandshake()).toEqual({ passed: true })
    expect(await sendKeepalive()).toEqual({ passed: true })
  })

  test('drops its own initiations and keepalives after the neighbor has the withdrawal, and until the next announcement', {
    timeout: patience(90_000),
  }, async () => {
    await inside(node, 'nft', ['add table inet other; add chain inet other keep'])
    await order('withdraw')
    await untilRoutes(0)
    await untilFenced(true)
    expect(await startHandshake()).toEqual({ passed: false })
    expect(await sendKeepalive()).toEqual({ passed: false })
    const { services } = (await (await fetch(node.statusUrl)).json()) as { services: { fenced: boolean }[] }
    expect(services.map(({ fenced }) => fenced)).toEqual([true])

    // Another program may flush all rules, as a reload of nftables.service does.
    await inside(node, 'nft', ['delete', 'table', ...table.split(' ')])
    await untilFenced(true)

    await order('undrain')
    await untilRoutes(announced)
    expect(await isFenced()).toBe(false)
    expect(await startHandshake()).toEqual({ passed: true })
    expect((await inside(node, 'nft', ['list', 'tables'])).stdout).toContain('table inet other')
  })

  test('is fenced after its guard has withdrawn, and not any more when a controller announces again', {
    timeout: patience(120_000),
  }, async () => {
    await untilRoutes(announced)
    process.kill(node.controllerPid, 'SIGSTOP')
    await untilRoutes(0)
    await untilFenced(true)
    expect(await startHandshake()).toEqual({ passed: false })
    process.kill(node.controllerPid, 'SIGCONT')
    await untilRoutes(announced)
    await untilFenced(false)
  })

  test('is fenced while its daemon does not run', { timeout: patience(60_000) }, async () => {
    await untilRoutes(announced)
    for (const pid of node.daemonPids) process.kill(pid, 'SIGKILL')
    await untilFenced(true)
  })

  test('stays fenced when its controller has ended', { timeout: patience(60_000) }, async () => {
    process.kill(node.controllerPid, 'SIGTERM')
    await until(
      'the controller has ended',
      () =>
        fetch(node.statusUrl).then(
          () => true,
          () => false,
        ),
      (answers) => !answers,
    )
    expect(await isFenced()).toBe(true)
  })
})
