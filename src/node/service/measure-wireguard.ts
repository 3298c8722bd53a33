import { readFile } from 'node:fs/promises'
import type { Clock } from '../../clock/clock.ts'
import { type InterfaceBytes, parseNetDev } from '../../linux/net-dev.ts'
import { readWgPeers } from '../../linux/wg.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { peerMetricNames } from '../../telemetry/node-metrics.ts'
import { PeerCounter, type PeerCounts, type PeerTraffic } from '../wireguard/peer-counts.ts'
import { BackgroundReading } from './background-reading.ts'

/** Milliseconds. A reading of 1,000 peers takes a child process some 20 ms. */
const times = { every: 5000, timeout: 10_000 } as const

interface WireguardParts {
  readonly manifest: Pick<Manifest, 'services' | 'peerMetrics'>
  readonly clock: Pick<Clock, 'now' | 'wall'>
  readonly metrics: Metrics
  readonly readPeers?: typeof readWgPeers
  readonly readNetDev?: () => Promise<string>
}

/** The metrics of the WireGuard interfaces. Peers are read for it only where session rescue does not read them anyway. */
export class WireguardMeasure {
  readonly #parts: WireguardParts
  readonly #counts = new Map<string, PeerCounts>()
  #isFed = false
  readonly #readings: ReadonlyMap<string, BackgroundReading<PeerCounts>>
  readonly #bytes: BackgroundReading<ReadonlyMap<string, InterfaceBytes>>

  constructor(parts: WireguardParts) {
    this.#parts = parts
    const { manifest, clock, readPeers = readWgPeers } = parts
    const { readNetDev = () => readFile('/proc/self/net/dev', 'utf8') } = parts
    this.#readings = new Map(
      manifest.services.map(({ wireguard }) => {
        const read = async () => {
          const counter = new PeerCounter(clock.wall(), manifest.peerMetrics)
          await readPeers(wireguard.interface, (peer) => counter.take(peer), { timeoutMs: times.timeout })
          return counter.counts
        }
        return [wireguard.interface, new BackgroundReading(read, times.every, clock)]
      }),
    )
    this.#bytes = new BackgroundReading(async () => parseNetDev(await readNetDev()), 0, clock)
  }

  /** What session rescue has read. @param counts `null`: the interface cannot be read */
  take(interfaceName: string, counts: PeerCounts | null): void {
    this.#isFed = true
    if (counts === null) this.#counts.delete(interfaceName)
    else this.#counts.set(interfaceName, counts)
  }

  /** Sets the metrics to what was read last. */
  measure(): void {
    const { metrics } = this.#parts
    const bytes = this.#bytes.get()
    const all = [metrics.wireguardPeers, metrics.wireguardFreshPeers]
    for (const metric of [...all, metrics.wireguardReceived, metrics.wireguardSent]) metric.reset()
    metrics.peerLines.clear()
    for (const [name, reading] of this.#readings) {
      const counts = this.#isFed ? (this.#counts.get(name) ?? null) : reading.get()
      if (counts !== null) this.#measureOne(name, counts)
      const through = bytes?.get(name)
      if (through === undefined) continue
      metrics.wireguardReceived.inc({ interface: name }, through.received)
      metrics.wireguardSent.inc({ interface: name }, through.sent)
    }
  }

  #measureOne(name: string, { peers, fresh, each }: PeerCounts): void {
    const { metrics } = this.#parts
    metrics.wireguardPeers.set({ interface: name }, peers)
    metrics.wireguardFreshPeers.set({ interface: name }, fresh)
    if (each.length === 0) return
    const { peerLines } = metrics
    const add = (metric: string, of: readonly PeerTraffic[], value: (peer: PeerTraffic) => number) => {
      const lines = of.map(
        (peer) => `${metric}{interface="${name}",public_key="${peer.publicKey}"} ${value(peer)}`,
      )
      const before = peerLines.get(metric)
      peerLines.set(metric, [...(before === undefined ? [] : [before]), ...lines].join('\n'))
    }
    const known = each.filter(({ handshakeS }) => handshakeS > 0)
    if (known.length > 0) add(peerMetricNames.handshake, known, ({ handshakeS }) => handshakeS)
    add(peerMetricNames.received, each, ({ received }) => received)
    add(peerMetricNames.sent, each, ({ sent }) => sent)
  }
}
