import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ManifestService } from '../../../src/manifest/manifest.ts'
import type { SideCheck } from '../../../src/manifest/words.ts'
import type { SideCheckResult } from '../../../src/node/probe/side/side-check.ts'
import { patience } from '../../patience.ts'
import { Agent } from '../fixtures/wireguard/agent.ts'
import { beyond, dnsPort, Internet, tcpPort } from '../fixtures/wireguard/internet.ts'
import { echo4, echo6, endpoint4, inKernel, newKeys, WireguardServer } from '../fixtures/wireguard/server.ts'

const patientMs = patience(30_000)
const pace = { intervalMs: 1_000, timeoutMs: 2_000, rise: 2, fall: 3 }

const server = new WireguardServer('w3')
const internet = new Internet(server)
let agent: Agent

beforeAll(async () => {
  await server.start()
  await internet.start()
  agent = new Agent(server.namespace)
}, 480_000)

afterAll(async () => {
  await agent?.stop()
  await internet.stop()
  await server.stop()
})

async function watch(
  options: Partial<ManifestService['probe']>,
  change: (service: ManifestService) => void = () => {},
): Promise<void> {
  const service = server.service({ timeoutMs: 2_000, ...options })
  change(service)
  await agent.call('watch', {
    service,
    serverPublicKey: server.keys.publicKey,
    privateKey: server.probeKeys.privateKey,
    presharedKey: server.presharedKey,
  })
  await vi.waitFor(async () => expect(await agent.call('cycle')).toMatchObject({ outcome: 'good' }), {
    timeout: patientMs,
  })
}

const until = (check: SideCheck, expected: Partial<Record<keyof SideCheckResult, unknown>>) =>
  vi.waitFor(async () => expect(await agent.call('side', { check })).toMatchObject(expected), {
    timeout: patientMs,
  })
const untilGood = (check: SideCheck) => until(check, { outcome: 'good', cause: null })

describe.each([
  ['IPv4', beyond.ipv4, echo4.source],
  ['IPv6', beyond.ipv6, echo6.source],
])('egress over %s', (_family, address, source) => {
  const icmp = { protocol: 'icmp' as const, address, port: null, name: null }
  const dns = { protocol: 'dns' as const, address, port: dnsPort, name: 'www.example.com' }
  const tcp = { protocol: 'tcp' as const, address, port: tcpPort, name: null }

  beforeAll(() => watch({ address: source, egress: { ...pace, targets: [icmp, dns, tcp], need: 3 } }))

  it('is good while echo, DNS query and TCP connection are answered', async () => {
    await until('egress', { outcome: 'good', detail: '3 of 3 targets answered' })
  })

  it('is bad while the uplink is cut, and good again', async () => {
    await internet.disconnect()
    try {
      await until('egress', { outcome: 'bad', cause: 'egress-unreachable' })
    } finally {
      await internet.connect()
    }
    await untilGood('egress')
  })

  it('is bad while a firewall drops packets, and good again', async () => {
    await internet.forbid('drop')
    try {
      await until('egress', { outcome: 'bad', cause: 'egress-no-reply' })
      const { detail, tookMs } = await agent.call('side', { check: 'egress' })
      expect(detail).toContain(`0 of 3 targets answered, 3 needed; ${address} (icmp) did not answer`)
      expect(tookMs).toBeGreaterThanOrEqual(pace.timeoutMs - 10)
      // The endpoint is probed once more, within its own timeout.
      expect(tookMs).toBeLessThan(pace.timeoutMs + 2_000 + patience(3_000))
    } finally {
      await internet.forbid(null)
    }
    await untilGood('egress')
  })

  it('is bad while a firewall rejects packets, with that cause', async () => {
    await internet.forbid('reject with icmpx type admin-prohibited')
    try {
      await until('egress', {
        outcome: 'bad',
        cause: 'egress-refused',
        detail: expect.stringContaining('a router on the way refused the packet (ICMP)'),
      })
    } finally {
      await internet.forbid(null)
    }
    await untilGood('egress')
  })

  it('is bad while the resolver fails or no server listens, and names the targets that did not answer', async () => {
    await internet.respond(2)
    await until('egress', {
      outcome: 'bad',
      cause: 'egress-dns-failed',
      detail: expect.stringMatching(/^2 of 3 targets answered, 3 needed; .*53 \(dns\) answered SERVFAIL$/),
    })
    await internet.silence()
    await until('egress', {
      outcome: 'bad',
      cause: 'egress-refused',
      detail: expect.stringMatching(
        /^1 of 3 .*\(dns\) is closed: itself refused.*\(tcp\) refused the connection/,
      ),
    })
    await internet.respond()
    await untilGood('egress')
  })

  it('is inconclusive while the endpoint itself is dead', async () => {
    await server.freeze()
    try {
      for (let round = 0; round < 3; round += 1) {
        const result = await agent.call('side', { check: 'egress' })
        expect(result).toMatchObject({ outcome: 'inconclusive' })
      }
    } finally {
      await server.thaw()
    }
    await untilGood('egress')
  }, 240_000)
})

describe('egress with two targets, one of which must answer', () => {
  it('is good while one target answers, and names the other', async () => {
    const targets = [
      { protocol: 'tcp' as const, address: beyond.ipv4, port: tcpPort, name: null },
      { protocol: 'tcp' as const, address: beyond.ipv4, port: tcpPort + 1, name: null },
    ]
    await watch({ egress: { ...pace, targets, need: 1 } })
    await until('egress', {
      outcome: 'good',
      detail: `1 of 2 targets answered; ${beyond.ipv4}:${tcpPort + 1} (tcp) refused the connection (RST)`,
    })
  })
})

describe('real peers', () => {
  it('that vanish at once are reported as a cliff, without the peers of the probe and of other sites', async () => {
    const crowd = Array.from({ length: 8 }, (_, index) => ({
      keys: newKeys(),
      address: `10.80.1.${index + 1}`,
    }))
    for (const { keys, address } of crowd) {
      await server.wg('set', server.interface, 'peer', keys.publicKey, 'allowed-ips', `${address}/32`)
    }
    const observer = { keys: newKeys(), address: '10.80.1.9' }
    await server.wg('set', server.interface, 'peer', observer.keys.publicKey)
    await watch({ peers: { ...pace, drop: 0.5, withinMs: 600_000, least: 8 } })
    await agent.call('crowd', {
      endpoint: endpoint4,
      serverPublicKey: server.keys.publicKey,
      privateKeys: [...crowd, observer].map(({ keys }) => keys.privateKey),
      echoes: [...crowd, observer].map(({ address }) => ({ source: address, target: echo4.target })),
    })
    await until('peers', { outcome: 'good', detail: '8 of 8 peers have a fresh handshake' })
    for (const { keys } of crowd.slice(0, 5)) {
      await server.wg('set', server.interface, 'peer', keys.publicKey, 'remove')
    }
    await until('peers', {
      outcome: 'bad',
      cause: 'peers-gone',
      detail: '3 peers have a fresh handshake, and 8 had one within the last 10 minutes',
    })
  })

  // The kernel's WireGuard always answers `wg`.
  it.for(inKernel ? [] : ['wireguard-go'])('are inconclusive while wg does not answer', async () => {
    await watch({ peers: { ...pace, timeoutMs: 500, drop: 0.5, withinMs: 60_000, least: 1 } })
    await server.freeze()
    try {
      await until('peers', { outcome: 'inconclusive' })
    } finally {
      await server.thaw()
    }
    await untilGood('peers')
  })
})

describe('the connection tracking table', () => {
  it('of the node’s own kernel is good, and bad above the allowed share', async () => {
    await watch({ conntrack: { ...pace, maxUse: 0.9 } })
    await untilGood('conntrack')
    const targets = [
      { protocol: 'dns' as const, address: beyond.ipv4, port: dnsPort, name: 'www.example.com' },
    ]
    await watch(
      { conntrack: { ...pace, maxUse: 0.01 }, egress: { ...pace, targets, need: 1 } },
      // Below the minimum of a manifest, since no test fills a table to a hundredth.
      ({ probe }) => {
        probe.conntrack!.maxUse = 0
      },
    )
    await untilGood('egress')
    await until('conntrack', { outcome: 'bad', cause: 'conntrack-full' })
  })
})
