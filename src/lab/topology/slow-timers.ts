import type { Fleet } from '../../plan/sites/fleet.ts'

/**
 * A node with its neighbors and its client takes some 8 % of a processor, with probes each 200 ms and BFD each 100 ms.
 * With more nodes than this the machine has not enough left for daemons that start, and probes come too late.
 */
const nodesPerProcessor = 6
/** The longest timer that the YAML allows. */
const longestMs = 60_000

/** How many times slower than in the YAML the timers must be on a machine with so many processors: 1 or more. */
export function timerFactor(nodes: number, processors: number): number {
  return Math.max(1, Math.ceil(nodes / (nodesPerProcessor * processors)))
}

/** `null` where the timers are those of the YAML. */
export function describeFactor(factor: number): string | null {
  return factor === 1
    ? null
    : `this machine is small for the fleet: probes and BFD are ${factor} times slower than in the YAML, and so is each detection`
}

/** The fleet with slower probes and slower BFD. All other timers stay: they cost nothing while nothing happens. */
export function slowTimers(fleet: Fleet, factor: number): Fleet {
  if (factor === 1) return fleet
  const slow = (ms: number) => Math.min(ms * factor, longestMs)
  return {
    ...fleet,
    services: fleet.services.map((service) => ({
      ...service,
      probe: {
        ...service.probe,
        intervalMs: slow(service.probe.intervalMs),
        timeoutMs: slow(service.probe.timeoutMs),
      },
    })),
    sites: fleet.sites.map((site) => ({
      ...site,
      nodes: site.nodes.map((node) => ({
        ...node,
        neighbors: node.neighbors.map((neighbor) => ({
          ...neighbor,
          bfd: neighbor.bfd && { ...neighbor.bfd, intervalMs: slow(neighbor.bfd.intervalMs) },
        })),
      })),
    })),
  }
}
