const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { readFrom, sizeOf } = await load('lab/scenario/controller-log.js')

/**
 * The log lines from now on, and the last state in the log.
 * @param pattern has the state as its first group
 */
export async function logListener(log, pattern, initial) {
  const offset = await sizeOf(log)
  return async () => {
    const lines = (await readFrom(log, offset)).split('\n').filter((line) => line !== '')
    const states = (await readFrom(log, 0)).split('\n').flatMap((line) => pattern.exec(line)?.[1] ?? [])
    return { lines, state: states.at(-1) ?? initial }
  }
}
