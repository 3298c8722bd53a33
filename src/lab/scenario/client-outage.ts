import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { together } from '../machine/together.ts'
import { startPing } from '../machine/traffic.ts'
import { renewPeers } from '../machine/wireguard.ts'
import type { ClientState, LabState, ProcessRecord } from '../state.ts'
import { findOutage, type Outage, type PingReply, parsePingLog } from './ping-log.ts'

const pingIntervalMs = 20
const pingLog = 'scenario.log'
/** A WireGuard client tries a new handshake after some 15 s. */
export const clientPatienceMs = 20_000

/** Starts pings from a client to the server through the tunnel, and returns after the first reply. */
export async function startMeasuring(client: ClientState, signal: AbortSignal): Promise<ProcessRecord> {
  await rm(join(client.dir, pingLog), { force: true })
  const ping = await startPing(client, pingIntervalMs, pingLog)
  const deadline = performance.now() + 10_000
  while ((await readPings(client)).length === 0 && performance.now() < deadline) {
    await delay(20, undefined, { signal })
  }
  return ping
}

export async function readPings(client: ClientState): Promise<PingReply[]> {
  return parsePingLog(await readFile(join(client.dir, pingLog), 'utf8').catch(() => ''))
}

/** The client's outage; `null`: it had none; `undefined`: it lasts longer than 20 s. */
export async function waitForClient(
  client: ClientState,
  struckAtEpochMs: number,
  signal: AbortSignal,
): Promise<Outage | null | undefined> {
  for (;;) {
    const now = performance.timeOrigin + performance.now()
    const replies = await readPings(client)
    const outage = findOutage(replies, struckAtEpochMs)
    const answered = now - (replies.at(-1)?.atMs ?? 0) < 500
    if (answered && outage !== null && outage.durationMs > 500) return outage
    // Some faults affect the client's session only after the route moves: wait for it.
    if (answered && now - struckAtEpochMs > 3000) return outage
    if (now - struckAtEpochMs > clientPatienceMs) return undefined
    await delay(50, undefined, { signal })
  }
}

/** Resets the sessions of all clients and servers, so that scenarios do not affect each other. */
export async function renewClients(state: LabState): Promise<void> {
  await together(
    state.nodes.flatMap((node) =>
      node.wireguard.map((wireguard) =>
        renewPeers(
          node.namespace,
          wireguard.interface,
          state.clients
            .filter(({ service }) => service === wireguard.service)
            .map((client) => ({ publicKey: client.publicKey, allowedIps: [client.allowedIp] })),
        ),
      ),
    ),
  )
  await together(
    state.clients.map(({ namespace, interface: name, server }) =>
      renewPeers(namespace, name, [
        { publicKey: server.publicKey, allowedIps: [server.allowedIp], endpoint: server.endpoint },
      ]),
    ),
  )
}
