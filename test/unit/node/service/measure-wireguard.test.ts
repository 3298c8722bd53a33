import { expect, test, vi } from 'vitest'
import type { readWgPeers, WgPeer } from '../../../../src/linux/wg.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { WireguardMeasure } from '../../../../src/node/service/measure-wireguard.ts'
import { PeerCounter } from '../../../../src/node/wireguard/peer-counts.ts'
import { createMetrics } from '../../../../src/telemetry/metrics.ts'
import { renderMetrics } from '../../../../src/telemetry/render-metrics.ts'

const nowS = 1_000_000
const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
   wg0:5000      50    0    0    0     0          0         0      700       7    0    0    0     0       0          0
`
const peerOf = (publicKey: string, handshakeS: number): WgPeer => ({
  ...{ publicKey, endpoint: '192.0.2.9:1', allowedIps: '10.0.0.1/32', keepaliveS: 0 },
  ...{ handshakeS, received: 30, sent: 4 },
})
const peers = [peerOf('a=', nowS - 10), peerOf('b=', nowS - 179), peerOf('c=', nowS - 181), peerOf('d=', 0)]

function bed(peerMetrics: boolean) {
  const metrics = createMetrics()
  const manifest = { services: [{ wireguard: { interface: 'wg0' } }], peerMetrics } as Manifest
  let nowMs = 0
  let readings = 0
  let isBroken = false
  const readPeers: typeof readWgPeers = async (_name, onPeer) => {
    readings += 1
    if (isBroken) throw new Error('it hangs')
    for (const peer of peers) onPeer(peer)
  }
  const measure = new WireguardMeasure({
    ...{ manifest, metrics, readPeers, readNetDev: async () => netDev },
    clock: { now: () => nowMs, wall: () => nowS * 1000 },
  })
  const scrape = async () => {
    measure.measure()
    const { body } = await renderMetrics(metrics.registry, metrics.peerLines)
    const lines = body.split('\n')
    return lines
      .filter((line) => line.startsWith('anyward_wireguard_'))
      .map((line) => line.replace('anyward_wireguard_', ''))
  }
  return {
    ...{ measure, scrape },
    readings: () => readings,
    pass: (ms: number) => {
      nowMs += ms
    },
    breakIt: () => {
      isBroken = true
    },
  }
}

const whole = [
  'peers{interface="wg0"} 4',
  'fresh_peers{interface="wg0"} 2',
  'received_bytes_total{interface="wg0"} 5000',
  'sent_bytes_total{interface="wg0"} 700',
]

test('scrapes serve the last reading, start one at most every five seconds, and never add bytes twice', async () => {
  const { scrape, readings, pass, breakIt } = bed(false)
  expect(await scrape()).toEqual([])
  await vi.waitFor(async () => expect(await scrape()).toEqual(whole))
  expect(await scrape()).toEqual(whole)
  expect(readings()).toBe(1)
  breakIt()
  pass(5000)
  await scrape()
  await vi.waitFor(async () => expect(await scrape()).toEqual(whole.slice(2)))
  expect(readings()).toBe(2)
})

test('where session rescue reads the peers, a scrape does not', async () => {
  const { measure, scrape, readings } = bed(false)
  const counter = new PeerCounter(nowS * 1000, false)
  for (const peer of peers.slice(0, 1)) counter.take(peer)
  measure.take('wg0', counter.counts)
  expect((await scrape())[0]).toBe('peers{interface="wg0"} 1')
  expect(readings()).toBe(0)
  measure.take('wg0', null)
  expect((await scrape()).filter((line) => line.includes('peers'))).toEqual([])
})

test('peers are named only where the YAML asks for them', async () => {
  const { scrape } = bed(true)
  await vi.waitFor(async () => {
    const lines = (await scrape()).filter((line) => line.startsWith('peer_'))
    expect(lines).toContain('peer_received_bytes_total{interface="wg0",public_key="a="} 30')
    expect(lines).toContain('peer_sent_bytes_total{interface="wg0",public_key="d="} 4')
    expect(lines).toContain(`peer_handshake_timestamp_seconds{interface="wg0",public_key="c="} ${nowS - 181}`)
    expect(lines.filter((line) => line.includes('handshake') && line.includes('d='))).toEqual([])
  })
  const { scrape: without } = bed(false)
  await vi.waitFor(async () => expect(await without()).toEqual(whole))
})
