import { readdirSync, readFileSync } from 'node:fs'
import { fieldsOfStat } from '../../../dist/linux/proc.js'

/** USER_HZ: the unit of /proc is 10 ms on every Linux that Node runs on. */
const tickMs = 10

/**
 * Processor time (ms) of these processes and of all their descendants, including those that have ended: a check that
 * runs for 10 ms counts too.
 */
export function processorMsOf(pids) {
  let ticks = 0
  for (const { fields } of familyOf(pids)) {
    // utime, stime, cutime and cstime (proc(5)).
    for (const at of [11, 12, 13, 14]) ticks += Number(fields[at])
  }
  return ticks * tickMs
}

/**
 * Memory (MB) of these processes and of all their descendants. In the resident size, shared pages count for each process;
 * in the proportional size they are divided among all processes that map them.
 */
export function memoryMbOf(pids) {
  const memory = { resident: 0, proportional: 0 }
  for (const { pid } of familyOf(pids)) {
    const text = readQuietly(`/proc/${pid}/smaps_rollup`)
    memory.resident += kilobytesIn(text, 'Rss') / 1024
    memory.proportional += kilobytesIn(text, 'Pss') / 1024
  }
  return memory
}

function kilobytesIn(text, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0)
}

function familyOf(pids) {
  const family = new Set(pids)
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => ({ pid: Number(entry), fields: readFields(entry) }))
    .filter(({ fields }) => fields !== null)
  let size
  do {
    size = family.size
    for (const { pid, fields } of all) if (family.has(Number(fields[1]))) family.add(pid)
  } while (family.size > size)
  return all.filter(({ pid }) => family.has(pid))
}

function readFields(pid) {
  const text = readQuietly(`/proc/${pid}/stat`)
  return text === '' ? null : fieldsOfStat(text)
}

/** A process may end meanwhile. */
function readQuietly(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
