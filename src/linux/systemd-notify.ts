import { run } from './run.ts'

const timeoutMs = 2000

/**
 * Sends `fields` such as `READY=1` to the supervisor at `$NOTIFY_SOCKET`. Node has no Unix datagram sockets, so
 * `systemd-notify` sends them; the unit needs `NotifyAccess=all`. Throws RunError.
 */
export async function runSystemdNotify(fields: readonly string[]): Promise<void> {
  await run(['systemd-notify', ...fields], { timeoutMs })
}
