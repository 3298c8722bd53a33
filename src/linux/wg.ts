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

/**
 * The same, line by line, without a text of all peers. A line that is kept for long has to be copied: it is a part of a larger
 * text. Throws RunError.
 */
export async function showWgLines(
  interfaceName: string,
  field: WgField,
  onLine: (line: string) => void,
  options: WgOptions,
): Promise<void> {
  let rest = ''
  const onOutput = (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1')
    let at = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
      onLine(text.slice(at, end))
      at = end + 1
    }
    rest = text.slice(at)
  }
  await run(['wg', 'show', interfaceName, field], { ...options, limitBytes, onOutput })
}
