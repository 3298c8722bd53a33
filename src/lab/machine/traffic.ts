import { join } from 'node:path'
import type { ClientState, ProcessRecord } from '../state.ts'
import { startDetached } from './processes.ts'

const trafficLog = 'traffic.log'

/** Pings the server through the tunnel for as long as the lab runs: slowly, for the log is kept. */
export function startTraffic(client: ClientState): Promise<ProcessRecord> {
  return startPing(client, 200, trafficLog)
}

/**
 * Pings the server through the tunnel.
 * @param log a file's name in the client's folder
 */
export function startPing(client: ClientState, intervalMs: number, log: string): Promise<ProcessRecord> {
  const argv = ['ping', '-n', '-D', '-O', '-i', String(intervalMs / 1000), client.server.tunnelAddress]
  return startDetached({ name: 'ping', namespace: client.namespace, argv, log: join(client.dir, log) })
}
