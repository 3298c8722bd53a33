import { run } from './run.ts'

/** Never `dump`: it prints the private key and the preshared keys. */
export type WgField =
  | 'public-key'
  | 'listen-port'
  | 'allowed-ips'
  | 'latest-handshakes'
  | 'endpoints'
  | 'persistent-keepalive'
  | 'preshared-keys'
  | 'transfer'

interface WgOptions {
  /** `wg` waits for a WireGuard process that hangs. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** 64 MB: `latest-handshakes` has 55 bytes a peer, and the other lists some 100. */
const limitBytes = 64 * 2 ** 20

/** Prints one field of a WireGuard interface of this network namespace. Throws RunError. */
export function showWg(interfaceName: string, field: WgField, options: WgOptions): Promise<string> {
  return run(['wg', 'show', interfaceName, field], { ...options, limitBytes })
}
