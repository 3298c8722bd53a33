/**
 * How long the lab waits, and how much it starts at once. A limit exists so that a hung program ends in an error: it is
 * generous, because a machine that runs a whole fleet is busy.
 */

/** For one short program, such as `ip`, `wg` or `vtysh`. */
export const commandLimitMs = 60_000
/** From the start of a daemon until it takes connections. */
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

/** From the start of all daemons until each client's traffic is answered. */
export function readyLimitMs(nodes: number): number {
  return readyBaseMs + nodes * readyPerNodeMs
}

/** For everything of a lab to be gone. */
export function downLimitMs(namespaces: number): number {
  return downBaseMs + namespaces * downPerNamespaceMs
}

/**
 * How many programs, or nodes, start at once. More would only wait for a processor, and each would take longer than its
 * limit.
 */
export function startsAtOnce(processors: number): number {
  return 2 + 2 * processors
}
