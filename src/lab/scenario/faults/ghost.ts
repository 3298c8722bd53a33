import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { runIn } from '../../machine/namespaces.ts'
import type { Fault, Stage } from '../scenario.ts'
import { withdrawNode } from './orders.ts'

const table = 'anyward_lab_ghost'
/**
 * WireGuard begins handshakes 15 s after a packet that was not answered (WireGuard paper, section 6.5), here its last reply to
 * the client; a busy machine is later.
 */
const ghostLimitMs = 40_000
const pauseMs = 200

/** Withdrawn, but its WireGuard runs, and misses its client: it begins handshakes, of which none may leave the node. */
export async function leaveGhost(stage: Stage): Promise<Fault> {
  const { node, wireguard } = stage
  const withdrawal = await withdrawNode(stage)
  await runIn(node.namespace, ['nft', '-f', '-'], { input: renderCounters(wireguard.port) })
  return {
    strike: () => withdrawal.strike(),
    async whileAway(signal) {
      const deadline = performance.now() + ghostLimitMs
      for (;;) {
        const { tried, left } = await readCounters(node.namespace)
        if (left > 0) return { problem: `${left} handshake initiations have left ${node.name}`, detail: '' }
        if (tried > 0)
          return { problem: null, detail: `${node.name} tried a handshake, and the fence dropped it` }
        if (performance.now() > deadline)
          return { problem: `${node.name} tried no handshake in ${ghostLimitMs / 1000} s`, detail: '' }
        await delay(pauseMs, undefined, { signal })
      }
    },
    async repair() {
      await runIn(node.namespace, ['nft', 'delete', 'table', 'inet', table]).catch(() => {})
      await withdrawal.repair()
    },
  }
}

/** The fence is between them, at -310: what WireGuard begins, and what leaves the node. */
export function renderCounters(port: number): string {
  const chain = (name: string, priority: number) => `  counter ${name} { }
  chain ${name} {
    type filter hook output priority ${priority}; policy accept;
    udp sport ${port} @th,64,8 1 counter name "${name}"
  }
`
  return `table inet ${table} {
${chain('tried', -320)}${chain('left', -300)}}
`
}

/** Untrusted output of another program. */
const countersSchema = z.object({
  nftables: z.array(z.object({ counter: z.object({ name: z.string(), packets: z.number() }).optional() })),
})

async function readCounters(namespace: string): Promise<{ tried: number; left: number }> {
  return parseCounters(await runIn(namespace, ['nft', '-j', 'list', 'counters', 'table', 'inet', table]))
}

export function parseCounters(text: string): { tried: number; left: number } {
  const { nftables } = countersSchema.parse(JSON.parse(text))
  const of = (wanted: string) =>
    nftables.find(({ counter }) => counter?.name === wanted)?.counter?.packets ?? 0
  return { tried: of('tried'), left: of('left') }
}
