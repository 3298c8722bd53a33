import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { patience } from '../../patience.ts'
import { Agent, builtCode } from '../fixtures/wireguard/agent.ts'
import { Flood } from '../fixtures/wireguard/flood.ts'
import { endpoint4, endpoint6, port, WireguardServer } from '../fixtures/wireguard/server.ts'

const patientMs = patience(30_000)
const node = new WireguardServer('w4')
const otherSite = new WireguardServer('w5', node)
const router = `w6-${process.pid}`
let agent: Agent

const identity = {
  serverPublicKey: node.keys.publicKey,
  privateKey: node.probeKeys.privateKey,
  presharedKey: node.presharedKey,
}
const watch = () => agent.call('watch', { ...identity, service: node.service() })
const untilGood = () =>
  vi.waitFor(async () => expect(await agent.call('cycle')).toMatchObject({ outcome: 'good' }), {
    timeout: patientMs,
    interval: 200,
  })

beforeAll(async () => {
  await node.start()
  agent = new Agent(node.namespace)
}, 480_000)

afterAll(async () => {
  await agent?.stop()
  await node.stop()
})

describe('failure 15: the anycast address is not on the node, and another site answers', () => {
  beforeAll(async () => {
    await otherSite.start()
    await execa('ip', ['netns', 'add', router])
    await connect(node, 1)
    await connect(otherSite, 2)
    const forward = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
    await execa('ip', ['netns', 'exec', router, 'sysctl', '-qw', ...forward])
    await execa('ip', ['-n', router, 'route', 'add', endpoint4.address, 'via', '203.0.113.10'])
    await execa('ip', ['-n', router, '-6', 'route', 'add', endpoint6.address, 'via', '2001:db8:113:2::2'])
  }, 240_000)

  afterAll(async () => {
    await otherSite.stop()
    // The kernel deletes the links of a namespace some time after it, and the default route with them.
    await node.ip('link', 'delete', `${node.interface}r`)
    await execa('ip', ['netns', 'delete', router])
  })

  /** A link to the router, and a default route through it. */
  async function connect(server: WireguardServer, link: 1 | 2): Promise<void> {
    const [near, far] = [`${server.interface}r`, `${server.interface}s`]
    const network4 = (host: number) => `203.0.113.${(link - 1) * 8 + host}`
    const network6 = (host: number) => `2001:db8:113:${link}::${host}`
    await server.ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', router)
    await server.ip('address', 'add', `${network4(2)}/29`, 'dev', near)
    await server.ip('address', 'add', `${network6(2)}/64`, 'dev', near, 'nodad')
    await execa('ip', ['-n', router, 'address', 'add', `${network4(1)}/29`, 'dev', far])
    await execa('ip', ['-n', router, 'address', 'add', `${network6(1)}/64`, 'dev', far, 'nodad'])
    await server.ip('link', 'set', near, 'up')
    await execa('ip', ['-n', router, 'link', 'set', far, 'up'])
    await server.ip('route', 'add', 'default', 'via', network4(1))
    await server.ip('-6', 'route', 'add', 'default', 'via', network6(1))
  }

  it('the probe is bad, because its packets end at the first router', async () => {
    await watch()
    await untilGood()
    await node.removeAnycast()
    try {
      for (const endpoint of [endpoint4, endpoint6]) {
        await agent.call('connect', { ...identity, endpoints: [endpoint] })
        // Without the hop limit the other site answers: there is a path to it.
        await vi.waitFor(
          async () =>
            expect(await agent.call('handshake', { endpoint, timeoutMs: 5_000 })).toMatchObject({ ok: true }),
          { timeout: patientMs },
        )
        await agent.call('watch', {
          ...identity,
          service: { ...node.service(), anycast: [endpoint.address] },
        })
        const outcomes: string[] = []
        while (outcomes.length < 20) {
          const { outcome } = await agent.call('cycle')
          if (outcome !== 'inconclusive') outcomes.push(outcome)
        }
        expect(outcomes).toEqual(Array.from({ length: 20 }, () => 'bad'))
      }
    } finally {
      await node.addAnycast()
    }
    await watch()
    await untilGood()
  })
})

describe('failure 16: the anycast address comes back to the node', () => {
  const [link, gateway] = [`${node.interface}q`, '203.0.113.130']

  // A default route to a router that sends no ICMP. Packets from another address are not answered: wireguard-go
  // 0.0.20230223 does not reach a client on its own node that uses one.
  beforeAll(async () => {
    await node.ip('link', 'add', link, 'type', 'veth', 'peer', 'name', `${link}q`)
    await node.ip('link', 'set', link, 'up')
    await node.ip('link', 'set', `${link}q`, 'up')
    await node.ip('address', 'add', '203.0.113.129/30', 'dev', link)
    await node.ip('neighbour', 'add', gateway, 'lladdr', '02:00:00:00:00:01', 'dev', link, 'nud', 'permanent')
    await node.ip('route', 'add', 'default', 'via', gateway)
    await node.run('nft', 'add table ip strict')
    await node.run('nft', 'add chain ip strict input { type filter hook input priority 0; }')
    await node.run('nft', `add rule ip strict input udp dport ${port} ip saddr != ${endpoint4.address} drop`)
  }, 60_000)

  afterAll(async () => {
    await node.ip('link', 'delete', link)
    await node.run('nft', 'delete table ip strict')
  })

  it('a probe that began without it uses it as its source, and is good again', async () => {
    await node.removeAnycast()
    try {
      await agent.call('watch', {
        ...identity,
        service: { ...node.service(), anycast: [endpoint4.address] },
      })
      await vi.waitFor(async () => expect(await agent.call('cycle')).toMatchObject({ outcome: 'bad' }), {
        timeout: patientMs,
      })
    } finally {
      await node.addAnycast()
    }
    await untilGood()
  })
})

describe('failure 16: the IPv6 anycast address comes back, and the kernel adds its route by lo before the local one', () => {
  const address = [`${endpoint6.address}/128`, 'dev', 'lo'] as const
  const count = async (): Promise<number> => {
    const { stdout } = await execa('ip', ['netns', 'exec', node.namespace, 'nft', 'list table ip6 sent'])
    return Number(/packets (\d+)/.exec(stdout)![1])
  }

  beforeAll(async () => {
    await node.run('nft', 'add table ip6 sent')
    await node.run('nft', 'add chain ip6 sent output { type filter hook output priority 0; }')
    await node.run('nft', `add rule ip6 sent output ip6 daddr ${endpoint6.address} udp dport ${port} counter`)
  }, 60_000)

  afterAll(async () => {
    await node.run('nft', 'delete table ip6 sent')
    await node.ip('address', 'del', ...address)
    await node.ip('-6', 'route', 'del', endpoint6.address, 'dev', 'lo')
    await node.ip('address', 'add', ...address, 'nodad')
  })

  it('a probe that sent something in between is good again, although its source is right', async () => {
    await agent.call('watch', { ...identity, service: { ...node.service(), anycast: [endpoint6.address] } })
    await untilGood()
    await node.ip('address', 'del', ...address)
    // The kernel does it later on a busy machine.
    await node.ip('-6', 'route', 'add', endpoint6.address, 'dev', 'lo', 'metric', '256', 'proto', 'kernel')
    const before = await count()
    const cycle = agent.call('cycle')
    await vi.waitFor(async () => expect(await count()).toBeGreaterThan(before), {
      timeout: patientMs,
      interval: 5,
    })
    await node.ip('address', 'add', ...address, 'nodad', 'noprefixroute')
    await cycle
    await untilGood()
  })
})

describe('failure 23: the site receives a flood of handshakes and answers with cookies', () => {
  const floodMs = 20_000
  const intervalMs = 200

  it('the probe of the living endpoint is never bad', async () => {
    await watch()
    await untilGood()
    const { namespace, keys } = node
    const flood = new Flood({
      ...{ namespace, code: builtCode, address: endpoint4.address, port },
      publicKey: keys.publicKey,
    })
    try {
      await vi.waitFor(() => expect(flood.countCookies()).toBeGreaterThan(0), { timeout: patientMs })
      const results = await agent.call('cycles', { count: floodMs / intervalMs, intervalMs })
      expect(results.filter((result) => result.outcome === 'bad')).toEqual([])
      // The probe was answered, and the endpoint was under load.
      expect(results.filter(({ outcome }) => outcome === 'good').length).toBeGreaterThan(0)
      expect(results.length).toBe(floodMs / intervalMs)
    } finally {
      await flood.end()
    }
    await untilGood()
  }, 480_000)
})
