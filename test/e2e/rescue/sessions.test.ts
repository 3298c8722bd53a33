import { type ChildProcess, spawn } from 'node:child_process'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { findOutage, type PingReply, parsePingLog } from '../../../src/lab/scenario/ping-log.ts'
import { patience } from '../../patience.ts'
import { cli, inside, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

/** Without help, a client tries again after 15 s: WireGuard paper, section 6.5. */
const withoutHelpMs = 15_000

describe('a client whose packets reach another site', () => {
  let lab: Lab
  let oslo: LabNode
  let client: Traffic
  beforeAll(async () => {
    lab = await labUp('test/e2e/rescue/shared-sites')
    oslo = lab.nodes.find(({ site }) => site === 'oslo')!
    client = new Traffic(lab.clients.find(({ name }) => name.includes('oslo'))!)
    await client.start()
    // A node reads the peers that have come by themselves each 8 s.
    const others = lab.nodes.filter((node) => node !== oslo)
    await until(
      'the other nodes know the client',
      () =>
        Promise.all(
          others.map(async (node) => {
            const { rescue } = (await (await fetch(node.statusUrl)).json()) as NodeStatus
            return rescue?.nodes.find((one) => one.node === oslo.name)?.entries ?? 0
          }),
        ),
      (entries) => entries.every((count) => count > 0),
    )
  }, patience(180_000))
  afterAll(async () => {
    client?.stop()
    await labDown()
  }, patience(60_000))
  afterEach(async () => {
    // The roster has the client at the site that serves it now.
    await until(
      'the client has replies',
      async () => client.sinceLast(),
      (ms) => ms < 300,
    )
  })

  test.each([
    ['dead: its WireGuard is gone', 'wireguard'],
    ['withdrawn by an order, and alive', 'withdraw'],
    ['drained', 'drain'],
  ] as const)('%s', { timeout: patience(120_000) }, async (_, fault) => {
    await untilServedBy(lab, client, oslo)
    const struckAt = client.now()
    const repair = await strike(oslo, fault)
    await untilState(oslo, (announced) => announced === 0)
    await untilServedBy(lab, client, oslo, false)
    const gone = await client.outageSince(struckAt)
    expect(gone).toBeLessThan(patience(withoutHelpMs / 5))

    // It comes back, and the route with it, which is not said by any site.
    const backAt = client.now()
    await repair()
    await untilState(oslo, (announced) => announced > 0)
    await untilServedBy(lab, client, oslo)
    const back = await client.outageSince(backAt)
    expect(back).toBeLessThan(patience(withoutHelpMs / 5))
  })

  test('an upstream moves the route, and neither site knows', { timeout: patience(120_000) }, async () => {
    await untilServedBy(lab, client, oslo)
    const tor = lab.neighbors.find(({ sessions }) => sessions.some(({ node }) => node === oslo.name))!
    const inTor = (...words: string[]) => execa('ip', ['-n', tor.namespace, ...words])
    const { stdout } = await inTor('-o', '-4', 'addr', 'show', 'dev', 'core0')
    const [, core] = / peer ([\d.]+)/.exec(stdout) ?? []
    const route = ['192.0.2.1/32', 'via', core!, 'dev', 'core0', 'metric', '1']
    const struckAt = client.now()
    await inTor('route', 'add', ...route)
    await untilServedBy(lab, client, oslo, false)
    expect(await client.outageSince(struckAt)).toBeLessThan(patience(withoutHelpMs / 5))
    await inTor('route', 'delete', ...route)
    await untilServedBy(lab, client, oslo)
  })
})

async function strike(
  node: LabNode,
  fault: 'wireguard' | 'withdraw' | 'drain',
): Promise<() => Promise<unknown>> {
  const order = (word: string) => execa(process.execPath, [cli, word, '--node', node.name], { reject: false })
  if (fault !== 'wireguard') {
    await order(fault)
    return () => order('undrain')
  }
  // A controller cannot mistake it for anything else, and the interface keeps its peers.
  await inside(node, 'ip', ['link', 'set', node.wireguardInterface, 'down'])
  return () => inside(node, 'ip', ['link', 'set', node.wireguardInterface, 'up'])
}

function untilState(node: LabNode, isSo: (announced: number) => boolean) {
  return until(
    `${node.name} announces, or does not`,
    async () => ((await (await fetch(node.statusUrl)).json()) as NodeStatus).services[0]!.announced.length,
    isSo,
  )
}

/** Where the data of the client arrives, of all nodes. */
function untilServedBy(lab: Lab, client: Traffic, node: LabNode, isServed = true) {
  return until(
    `the client is ${isServed ? '' : 'not '}served by ${node.name}`,
    async () => {
      const before = await Promise.all(lab.nodes.map((one) => client.receivedAt(one)))
      await new Promise((resolve) => setTimeout(resolve, 200))
      const after = await Promise.all(lab.nodes.map((one) => client.receivedAt(one)))
      return lab.nodes.filter((_, at) => after[at]! - before[at]! > 200).map(({ name }) => name)
    },
    (names) => names.length === 1 && names.includes(node.name) === isServed,
  )
}

class Traffic {
  readonly #client: Lab['clients'][number]
  #child: ChildProcess | null = null
  #text = ''

  constructor(client: Lab['clients'][number]) {
    this.#client = client
  }

  /** 20 packets a second through the tunnel. */
  async start(): Promise<void> {
    const argv = [
      'netns',
      'exec',
      this.#client.namespace,
      'ping',
      '-n',
      '-D',
      '-O',
      '-i',
      '0.05',
      '10.80.0.1',
    ]
    this.#child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'ignore'] })
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text += chunk
    })
    await until(
      'the client has a reply',
      async () => this.#replies().length,
      (count) => count > 0,
    )
  }

  stop(): void {
    this.#child?.kill('SIGKILL')
  }

  now(): number {
    return performance.timeOrigin + performance.now()
  }

  /** Bytes from the client. */
  async receivedAt(node: LabNode): Promise<number> {
    const show = async (field: string) =>
      (await inside(node, 'wg', ['show', node.wireguardInterface, field])).stdout.split('\n')
    const allowed = (await show('allowed-ips')).find((line) =>
      line.includes(`\t${this.#client.tunnelAddress}/`),
    )
    const [key] = allowed!.split('\t')
    const transfer = (await show('transfer')).find((line) => line.startsWith(key!))
    return Number(transfer?.split('\t')[1] ?? 0)
  }

  sinceLast(): number {
    return this.now() - (this.#replies().at(-1)?.atMs ?? 0)
  }

  /** The longest one, in milliseconds, once the client has replies again. */
  async outageSince(sinceMs: number): Promise<number> {
    await until(
      'the client has replies again',
      async () => this.sinceLast(),
      (ms) => ms < 200,
    )
    return findOutage(this.#replies(), sinceMs)?.durationMs ?? 0
  }

  #replies(): PingReply[] {
    return parsePingLog(this.#text)
  }
}
