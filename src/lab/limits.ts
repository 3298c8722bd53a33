/**
 * Time limits of the lab, and how many programs it starts at once. A time limit turns a hung program into an
 * error. It is generous, because a machine that runs a whole fleet is busy.
 */

/** For one short program, such as `ip`, `wg` or `vtysh`. */
export const commandLimitMs = 60_000
/** From the start of a daemon until it accepts connections. */
export const startLimitMs = 60_000
/** From SIGKILL until the process is gone. */
export const endLimitMs = 30_000

/** Each line of an `ip -batch` may wait for the kernel's network lock. */
const lineMs = 100
const readyBaseMs = 60_000
const readyPerNodeMs = 5_000
const downBaseMs = 30_000
const downPerNamespaceMs = 500

/** For an `ip -batch` of so many lines. */
export function batchLimitMs(lines: number): number {
  return commandLimitMs + lines * lineMs
}

/** From the start of all daemons until each client gets a reply. */
export function readyLimitMs(nodes: number): number {
  return readyBaseMs + nodes * readyPerNodeMs
}

/** From the start of a controller until the next one starts, although this one does not announce yet. */
export const settleLimitMs = 10_000

/** For the removal of the whole lab. */
export function downLimitMs(namespaces: number): number {
  return downBaseMs + namespaces * downPerNamespaceMs
}

/**
 * How many programs, or nodes, start at once. More would compete for the CPU, and exceed their time limits.
 */
export function startsAtOnce(processors: number): number {
  return 2 + 2 * processors
}
