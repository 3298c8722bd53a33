import type { Endpoint } from '../../../fleet/roster/link.ts'
import type { StrayKind } from './rescue.ts'

interface EarlyPacket {
  readonly service: string
  readonly endpoint: Endpoint
  readonly kind: StrayKind
  /** Monotonic milliseconds. */
  readonly atMs: number
}

/** How long one counts. */
const keptMs = 500
const most = 1024

/** Packets that arrive before this node's own announcement is observed. */
export class EarlyPackets {
  #packets: EarlyPacket[] = []

  push(packet: EarlyPacket): void {
    this.#packets.push(packet)
    if (this.#packets.length > most) this.#packets.shift()
  }

  /** Those of a service that still count, once. */
  take(service: string, nowMs: number): EarlyPacket[] {
    const present = this.#packets.filter(({ atMs }) => atMs >= nowMs - keptMs)
    this.#packets = present.filter((packet) => packet.service !== service)
    return present.filter((packet) => packet.service === service)
  }
}
