import { run } from './run.ts'

const timeoutMs = 2000

/**
 * Hands `fields` such as `READY=1` to the supervisor that `$NOTIFY_SOCKET` names. Node has no datagram sockets of the
 * Unix kind, so systemd's own program sends them; the unit needs `NotifyAccess=all`. Throws RunError.
 */
export async function runSystemdNotify(fields: readonly string[]): Promise<void> {
  await run(['systemd-notify', ...fields], { timeoutMs })
}
