import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { isListening } from '../../files/unix-socket.ts'
import { generateJwk } from '../../node/wireguard/key.ts'
import type { ProcessRecord } from '../state.ts'
import { ipBatch, runIn } from './namespaces.ts'
import { startDetached } from './processes.ts'
import { waitForStart } from './wait-for-start.ts'

export interface KeyPair {
  readonly privateKey: string
  readonly publicKey: string
}

interface Peer {
  readonly publicKey: string
  readonly allowedIps: readonly string[]
  readonly presharedKey?: string | null
  readonly endpoint?: string
}

/** Both halves in base64, as `wg genkey` and `wg pubkey` write them. */
export function generateKeyPair(): KeyPair {
  const { d, x } = generateJwk()
  const secret = Buffer.from(d, 'base64url')
  // Clamped already in the file (RFC 7748, section 5), as `wg genkey` does.
  secret[0]! &= 248
  secret[31]! = (secret[31]! & 127) | 64
  return {
    privateKey: secret.toString('base64'),
    publicKey: Buffer.from(x, 'base64url').toString('base64'),
  }
}

export function generatePresharedKey(): string {
  return randomBytes(32).toString('base64')
}

/** For `wg setconf`. */
export function renderWireguard(privateKey: string, port: number | null, peers: readonly Peer[]): string {
  const lines = ['[Interface]', `PrivateKey = ${privateKey}`]
  if (port !== null) lines.push(`ListenPort = ${port}`)
  for (const peer of peers) {
    lines.push('', '[Peer]', `PublicKey = ${peer.publicKey}`)
    if (peer.presharedKey) lines.push(`PresharedKey = ${peer.presharedKey}`)
    if (peer.allowedIps.length > 0) lines.push(`AllowedIPs = ${peer.allowedIps.join(', ')}`)
    if (peer.endpoint !== undefined) lines.push(`Endpoint = ${peer.endpoint}`)
  }
  return `${lines.join('\n')}\n`
}

export function controlSocketOf(name: string): string {
  return `/var/run/wireguard/${name}.sock`
}

/**
 * Before controllers, which set -10 themselves, as the kernel's WireGuard is. A late reply makes each controller start
 * programs that look for the cause, which delay the other replies.
 */
const wireguardNiceness = -15

interface InterfacePlan {
  readonly namespace: string
  readonly interface: string
  readonly config: string
  /** With their length. */
  readonly addresses: readonly string[]
  readonly log: string
  readonly inKernel: boolean
}

/** Creates the interface, configures it and sets it up; the process is `null` where the kernel does it. */
export async function createInterface(
  plan: InterfacePlan,
  signal?: AbortSignal,
  onStart?: (process: ProcessRecord) => void,
): Promise<ProcessRecord | null> {
  let process: ProcessRecord | null = null
  if (plan.inKernel) {
    await ipBatch(plan.namespace, [`link add ${plan.interface} type wireguard`], signal)
  } else {
    // The socket of a killed process looks like a new one, but `wg` cannot connect to it.
    await rm(controlSocketOf(plan.interface), { force: true })
    process = await startDetached({
      name: `wireguard-go ${plan.interface}`,
      namespace: plan.namespace,
      argv: ['wireguard-go', '-f', plan.interface],
      log: plan.log,
      env: { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' },
      niceness: wireguardNiceness,
    })
    onStart?.(process)
    // wireguard-go opens its socket when it has its interface.
    const socket = controlSocketOf(plan.interface)
    await waitForStart(process, `open ${socket}`, () => isListening(socket), signal)
  }
  await runIn(plan.namespace, ['wg', 'setconf', plan.interface, plan.config], { signal })
  await ipBatch(
    plan.namespace,
    [
      ...plan.addresses.map(
        (address) => `addr add ${address} dev ${plan.interface}${address.includes(':') ? ' nodad' : ''}`,
      ),
      `link set ${plan.interface} up`,
    ],
    signal,
  )
  return process
}
