import { availableParallelism, loadavg } from 'node:os'

/** The load of the last minute. */
export function describeLoad(load = loadavg()[0]!, processors = availableParallelism()): string {
  return `load ${load.toFixed(1)} on ${processors} processor${processors === 1 ? '' : 's'}`
}

/** The first words of the cure where a program does not answer, which may have only one cause: too little CPU. */
export function afterTimeout(again: string): string {
  return `this machine may be busy (${describeLoad()}): ${again} when it is idle; if it is`
}
