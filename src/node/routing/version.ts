import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import { BirdClient } from './bird/client.ts'
import { readVersion } from './frr/answers.ts'
import { Vty } from './frr/vty.ts'

interface VersionOptions {
  readonly kind: DaemonKind
  /** BIRD's control socket, or bgpd's vty socket. */
  readonly socketPath: string
  /** For each single reply. */
  readonly deadlineMs?: number
}

/**
 * Asks a running daemon for its version, such as `2.17.6` or `10.3`; it needs no configuration of ours.
 * Throws DaemonError.
 */
export async function readDaemonVersion({ kind, ...options }: VersionOptions): Promise<string> {
  if (kind === 'bird') {
    const client = new BirdClient(options)
    return client.version().finally(() => client.close())
  }
  const vty = new Vty(options)
  const reply = await vty.ask('show version').finally(() => vty.close())
  return readVersion(reply)
}
