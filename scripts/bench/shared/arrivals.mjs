import { spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { listen, until } from './machine.mjs'

const { findOutage, parsePingLog } = await import(
  new URL('../../../dist/lab/scenario/ping-log.js', import.meta.url)
)

/** 20 packets a second: the resolution of the time without service. */
export const spacingMs = 50

/** When packets reach a client, in milliseconds since the epoch. */
export class Arrivals {
  #all = []

  add(...arrivals) {
    this.#all.push(...arrivals)
  }

  isServed(since = 0) {
    const last = this.#all.at(-1)?.atMs ?? 0
    return last > since && Date.now() - last < 3 * spacingMs
  }

  /**
   * The time from then to the first packet after a gap; 0: no packet was lost; `null`: the client is dark for longer than the limit.
   * @param measure the gap in a list of arrivals
   */
  async darkSince(since, limitMs, measure = lostTime) {
    await pause(400)
    try {
      await until('the client is served', () => this.isServed(since + 300), limitMs)
    } catch {
      return null
    }
    return measure(
      this.#all.filter(({ atMs }) => atMs > since - 5000),
      since,
    )
  }
}

/** Pings the server through the tunnel, and notes the answers; the process. */
export function startUplink(namespace, tunnel, server, arrivals) {
  const often = ['-i', String(spacingMs / 1000)]
  const ping = spawnIn(namespace, 'pipe', 'ping', '-n', '-D', '-O', ...often, '-I', tunnel, server)
  listen(ping.stdout, (line) => arrivals.add(...parsePingLog(`${line}\n`)))
  return ping
}

export function spawnIn(namespace, stdout, ...argv) {
  return spawn('ip', ['netns', 'exec', namespace, ...argv], { stdio: ['ignore', stdout, 'ignore'] })
}

function lostTime(all, since) {
  const outage = findOutage(all, since)
  if (outage === null) return 0
  const end = all.findIndex(({ atMs }, at) => at > 0 && atMs - all[at - 1].atMs === outage.durationMs)
  return Math.max(0, all[end].atMs - Math.max(since, all[end - 1].atMs))
}
