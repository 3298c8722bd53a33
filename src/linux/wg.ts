import { RunError, run } from './run.ts'

/** Not `dump`, which prints the private key and the preshared keys: `readWgPeers`. */
export type WgField =
  | 'public-key'
  | 'listen-port'
  | 'allowed-ips'
  | 'latest-handshakes'
  | 'endpoints'
  | 'preshared-keys'
  | 'transfer'

/** V8 keeps the whole text that a part of it is of. */
export function copyText(part: string): string {
  return Buffer.from(part, 'latin1').toString('latin1')
}

interface WgOptions {
  /** `wg` waits for a WireGuard process that hangs. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** What an interface has of a peer. Its texts are parts of a larger one, which they keep in memory: `copyText` for what is kept for long. */
export interface WgPeer {
  /** Base64. */
  readonly publicKey: string
  /** As `wg` prints it; `(none)`. */
  readonly endpoint: string
  /** Separated by commas; `(none)`. */
  readonly allowedIps: string
  /** Of the latest handshake, seconds since 1970; 0: none. */
  readonly handshakeS: number
  /** Bytes; those of handshakes count too. */
  readonly received: number
  readonly sent: number
  /** Seconds; 0: off. */
  readonly keepaliveS: number
}

/** 64 MB: a line has some 150 bytes. */
const limitBytes = 64 * 2 ** 20

/** Prints one field of a WireGuard interface of this network namespace. Throws RunError. */
export function showWg(interfaceName: string, field: WgField, options: WgOptions): Promise<string> {
  return run(['wg', 'show', interfaceName, field], { ...options, limitBytes })
}

/**
 * `wg show X dump` without its first line, which has the private key, and without the preshared keys: this process does not see
 * them. One reading of all fields costs as much as one of a single field. Without `use strict`, which takes longer than the rest.
 */
const readDump = String.raw`
open my $wg, '-|', 'wg', 'show', $ARGV[0], 'dump' or die "wg is not installed\n";
<$wg>;
while (<$wg>) { print if s/\t[^\t]*// }
close $wg or exit 1;
`

/** Reads all peers of a WireGuard interface of this network namespace. Throws RunError. */
export async function readWgPeers(
  interfaceName: string,
  onPeer: (peer: WgPeer) => void,
  options: WgOptions,
): Promise<void> {
  let rest = ''
  const onOutput = (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1')
    let at = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
      onPeer(parsePeer(text.slice(at, end)))
      at = end + 1
    }
    rest = text.slice(at)
  }
  try {
    await run(['perl', '-e', readDump, interfaceName], { ...options, limitBytes, onOutput })
  } catch (error) {
    if (!(error instanceof RunError) || error.kind === 'not-installed') throw error
    throw new RunError(['wg', 'show', interfaceName, 'dump'], error.kind, error.words)
  }
}

function parsePeer(line: string): WgPeer {
  const [publicKey = '', endpoint = '', allowedIps = '', handshake, received, sent, keepalive] =
    line.split('\t')
  return {
    ...{ publicKey, endpoint, allowedIps, handshakeS: Number(handshake) },
    ...{ received: Number(received), sent: Number(sent), keepaliveS: Number(keepalive) || 0 },
  }
}
