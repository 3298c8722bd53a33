import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { rulesets } from '../fixtures/firewall/rulesets.ts'
import { builtCode } from '../fixtures/wireguard/agent.ts'

const port = 51820
const node = `fwn${process.pid}`
const client = `fwc${process.pid}`
const addresses = {
  ipv4: { node: '192.0.2.1', client: '192.0.2.2' },
  ipv6: { node: '2001:db8:51::1', client: '2001:db8:51::2' },
}

interface Line {
  readonly ready?: true
  readonly arrived?: string
  readonly found?: readonly { message: string; cure: string }[]
}
let agent: ChildProcessWithoutNullStreams
let lines: AsyncIterator<string>
const next = async () => JSON.parse((await lines.next()).value as string) as Line

const inside = (namespace: string, argv: readonly string[], input = '') =>
  execa('ip', ['netns', 'exec', namespace, ...argv], { input })
const send = (address: string, text: string) =>
  inside(client, ['bash', '-c', 'printf %s "$1" >"/dev/udp/$2/$3"', 'send', text, address, String(port)])

beforeAll(async () => {
  for (const namespace of [node, client]) await execa('ip', ['netns', 'add', namespace])
  await execa('ip', [
    'link',
    'add',
    'eth0',
    'netns',
    node,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    client,
  ])
  for (const [side, namespace] of [
    ['node', node],
    ['client', client],
  ] as const) {
    const ip = (...args: string[]) => execa('ip', ['-n', namespace, ...args])
    await ip('addr', 'add', `${addresses.ipv4[side]}/24`, 'dev', 'eth0')
    await ip('addr', 'add', `${addresses.ipv6[side]}/64`, 'dev', 'eth0', 'nodad')
    for (const link of ['lo', 'eth0']) await ip('link', 'set', link, 'up')
  }
  const script = new URL('../fixtures/firewall/agent.mjs', import.meta.url).pathname
  agent = spawn('ip', ['netns', 'exec', node, process.execPath, script, builtCode, String(port)])
  lines = createInterface({ input: agent.stdout })[Symbol.asyncIterator]()
  expect(await next()).toEqual({ ready: true })
})
afterAll(async () => {
  agent.kill()
  for (const namespace of [node, client]) await execa('ip', ['netns', 'del', namespace])
})
beforeEach(() => inside(node, ['nft', 'flush', 'ruleset']))

describe.each(rulesets(port))('$name', ({ nft, iptables, cure }) => {
  test('doctor says what the kernel does with a packet to the port', async () => {
    if (nft !== undefined) await inside(node, ['nft', '-f', '-'], nft)
    for (const program of iptables === undefined ? [] : ['iptables-nft-restore', 'ip6tables-nft-restore']) {
      await inside(node, [program], iptables)
    }
    agent.stdin.write('\n')
    const { found } = await next()
    for (const { node: address } of Object.values(addresses)) {
      await send(address, `to ${address}`).catch(() => null)
    }
    // After these, what has not arrived was dropped.
    await inside(node, ['nft', 'flush', 'ruleset'])
    await send(addresses.ipv4.node, 'end')
    const arrived: string[] = []
    for (let line = await next(); line.arrived !== 'end'; line = await next()) arrived.push(line.arrived!)
    const open = Object.values(addresses).map(({ node: address }) => `to ${address}`)
    expect(arrived).toEqual(found!.length === 0 ? open : [])
    expect(found!.map((one) => /over (IPv.)/.exec(one.message)![1])).toEqual(
      found!.length === 0 ? [] : ['IPv4', 'IPv6'],
    )
    if (cure !== undefined)
      expect(found!.map((one) => one.cure)).toEqual(Array(2).fill(expect.stringContaining(cure)))
  })
})
