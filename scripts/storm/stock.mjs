import { readdirSync, readFileSync } from 'node:fs'

/** The resources of a process; null if it has ended. `children` includes zombies. */
export function takeStock(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return {
      pid,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      threads: field('Threads'),
      children: children === '' ? 0 : children.split(' ').length,
      rssMb: Math.round((field('VmRSS') * 1.024) / 1000),
    }
  } catch {
    return null
  }
}

export function countProcesses() {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).length
}

/** Tolerated growth: a running child, a buffer, garbage that V8 has not collected yet. */
const tolerances = { descriptors: 8, threads: 2, children: 2, processes: 8, rssMb: 25 }
const leastSamples = 12

/**
 * Compares the medians of the first and the last quarter of each process's samples.
 *
 * @param {{ pid: number }[]} samples in their order
 * @returns {string[]} what has grown
 */
export function findGrowth(what, samples) {
  const growth = []
  const pids = new Set(samples.map(({ pid }) => pid))
  for (const pid of pids) {
    const own = samples.filter((sample) => sample.pid === pid)
    if (own.length < leastSamples) continue
    const quarter = Math.floor(own.length / 4)
    for (const [name, tolerance] of Object.entries(tolerances)) {
      if (own[0][name] === undefined) continue
      // The first samples are of a process that is still warming up.
      const early = median(own.slice(2, 2 + quarter).map((sample) => sample[name]))
      const late = median(own.slice(-quarter).map((sample) => sample[name]))
      if (late - early > tolerance) growth.push(`${what} ${pid}: ${name} grew from ${early} to ${late}`)
    }
  }
  return growth
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
