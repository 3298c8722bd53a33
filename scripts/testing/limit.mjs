import { spawnSync } from 'node:child_process'

/** CI ends a run after 90 minutes, without a summary. */
const CI_MINUTES = 80
/** For an idle machine, which needs less than half of it. */
const BASE_MINUTES = 30
const MAX_SLOWNESS = 6
/** The run time of an empty Node program on an idle machine. */
const REFERENCE_MS = 100
const SAMPLES = 5

/**
 * How much slower this machine is now than an idle one; at least 1.
 *
 * @param {() => number} [measure] the duration of one sample in ms
 */
export function measureSlowness(measure = startNode) {
  const times = Array.from({ length: SAMPLES }, measure).sort((a, b) => a - b)
  const median = times[Math.floor(SAMPLES / 2)]
  return Math.min(Math.max(median / REFERENCE_MS, 1), MAX_SLOWNESS)
}

/**
 * @param {{ ci: boolean, slowness: number }} machine
 * @returns {number} whole minutes
 */
export function limitMinutes({ ci, slowness }) {
  return ci ? CI_MINUTES : Math.round(BASE_MINUTES * slowness)
}

function startNode() {
  const startMs = performance.now()
  spawnSync(process.execPath, ['-e', '0'])
  return performance.now() - startMs
}
