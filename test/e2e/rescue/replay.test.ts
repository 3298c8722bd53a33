import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RosterClaim } from '../../../src/fleet/roster/link.ts'
import { patience } from '../../patience.ts'
import { type Client, TwoSites } from '../fixtures/rescue/two-sites.ts'
import { builtCode } from '../fixtures/wireguard/agent.ts'
import { endpoint4, port } from '../fixtures/wireguard/server.ts'

const sites = new TwoSites('rp')
const attacker = { address: '10.3.0.66', port: 6666 }
const attackerText = `${attacker.address}:${attacker.port}`
const script = (name: string) => fileURLToPath(new URL(`../fixtures/rescue/${name}`, import.meta.url))

let client: Client
/** What A has received: each newer than the one before. */
const recorded: string[] = []

beforeAll(async () => {
  await sites.start(1)
  client = sites.clients[0]!
  await execa('ip', [
    ...['-n', sites.clientNamespace, 'address', 'add', `${attacker.address}/24`, 'dev', 'rpu3'],
  ])
  // What the attacker sends reaches B, wherever the client is.
  for (const words of [
    ['route', 'add', `${endpoint4.address}/32`, 'via', '10.2.0.2', 'table', '99'],
    ['rule', 'add', 'from', `${attacker.address}/32`, 'lookup', '99'],
  ])
    await execa('ip', ['-n', sites.router, ...words])
  for (let count = 0; count < 2; count += 1) recorded.push(await record(() => sites.renew(client)))
}, patience(120_000))
afterAll(() => sites.stop(), patience(60_000))

/** The next handshake initiation that arrives at A. */
async function record(act: () => Promise<void>): Promise<string> {
  const argv = ['netns', 'exec', sites.a.namespace, 'perl', script('record-initiation.pl'), String(port)]
  const child = spawn('ip', argv)
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('ready')
  await act()
  const { value } = await lines.next()
  await ended
  return value
}

/** Returns when B has it, or what WireGuard answers to it. */
async function replay(initiation: string): Promise<void> {
  const code = `const socket = require('dgram').createSocket('udp4')
socket.bind(${attacker.port}, '${attacker.address}', () => socket.send(Buffer.from('${initiation}', 'hex'), ${port}, '${endpoint4.address}'))
socket.on('message', () => socket.close())
setTimeout(() => socket.close(), 2000).unref()`
  await execa('ip', ['netns', 'exec', sites.clientNamespace, process.execPath, '-e', code], { reject: false })
}

async function atB(field: string): Promise<string> {
  const lines = (await sites.b.show(field)).split('\n')
  return lines.find((line) => line.startsWith(client.keys.publicKey))!.slice(45)
}

/** The client sends nothing. */
async function silence(isSilent: boolean): Promise<void> {
  const chain = 'chain output { type filter hook output priority 0; udp sport 40000 drop\n}'
  const input = isSilent ? `table inet silent { ${chain}\n}\n` : 'delete table inet silent\n'
  await execa('ip', ['netns', 'exec', sites.clientNamespace, 'nft', '-f', '-'], { input })
}

test('WireGuard at another site takes the endpoint from a replayed initiation, and shows no handshake', async () => {
  expect(await atB('endpoints')).toBe('(none)')
  await replay(recorded[0]!)
  expect([await atB('endpoints'), await atB('latest-handshakes'), await atB('transfer')]).toEqual([
    attackerText,
    '0',
    '148\t92',
  ])
  // The same again is refused, and does not count as received.
  await replay(recorded[0]!)
  expect(await atB('transfer')).toBe('148\t92')
  await sites.untilReplies(5)
})

test('of a client that B serves, the endpoint is put back, and never published', {
  timeout: patience(60_000),
}, async () => {
  const reader = new Reader()
  try {
    // As a rescue does: the peer is new, and with it what B knows of the client's timestamps.
    const { publicKey } = client.keys
    const allowedIps = await atB('allowed-ips')
    await sites.b.wg(
      ...[
        'set',
        sites.b.interface,
        'peer',
        publicKey,
        'remove',
        'peer',
        publicKey,
        'allowed-ips',
        allowedIps,
      ],
    )
    await sites.leadTo('b')
    await sites.rescue(sites.b, client)
    await sites.untilReplies(5)
    const own = `${client.endpoint.address}:${client.endpoint.port}`
    expect(await reader.read()).toMatchObject({ published: [{ endpoint: client.endpoint }], putBack: [] })
    await silence(true)
    expect(await reader.read()).toMatchObject({ published: [], putBack: [] })
    const handshake = await atB('latest-handshakes')

    await replay(recorded[1]!)
    expect([await atB('endpoints'), await atB('latest-handshakes')]).toEqual([attackerText, handshake])
    expect(await reader.read()).toEqual({ published: [], putBack: [], problems: [] })
    expect(await reader.read()).toMatchObject({ published: [], putBack: [{ peer: publicKey }], problems: [] })
    expect([await atB('endpoints'), await atB('latest-handshakes')]).toEqual([own, handshake])
    await silence(false)
    await sites.untilReplies(5)
    expect(await reader.read()).toMatchObject({ published: [], putBack: [] })

    // A client whose address changes sends data from the new one.
    const moved = ['set', client.interface, 'listen-port', '40100']
    await execa('ip', ['netns', 'exec', sites.clientNamespace, 'wg', ...moved])
    await sites.untilReplies(5)
    const endpoint = { ...client.endpoint, port: 40_100 }
    expect(await reader.read()).toMatchObject({ published: [{ endpoint }], putBack: [] })
    expect(await reader.read()).toMatchObject({ published: [], putBack: [] })
  } finally {
    await reader.end()
  }
})

interface Seen {
  readonly published: readonly RosterClaim[]
  readonly putBack: readonly RosterClaim[]
  readonly problems: readonly string[]
}

/** B's reading of its peers, once for each call. */
class Reader {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>

  constructor() {
    const argv = [process.execPath, script('reader-agent.mjs'), builtCode, 'b', sites.b.interface, tmpdir()]
    this.#child = spawn('ip', ['netns', 'exec', sites.b.namespace, ...argv])
    this.#child.stderr.pipe(process.stderr)
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async read(): Promise<Seen> {
    this.#child.stdin.write('\n')
    return JSON.parse((await this.#lines.next()).value as string)
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }
}
