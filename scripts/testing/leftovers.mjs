import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const DAEMONS = new Set(['bird', 'bgpd', 'zebra', 'staticd', 'bfdd', 'mgmtd', 'watchfrr', 'wireguard-go'])
const FOLDERS = ['/run/netns', '/run/anyward-lab', '/run/wireguard']
const DEADLINE_MS = 5_000

/**
 * What a test run could leave behind, as words a person can act on.
 *
 * @param {string} runId
 * @returns {Set<string>}
 */
export function inspectMachine(runId) {
  const things = new Set()
  for (const folder of FOLDERS) {
    for (const name of list(folder)) things.add(`${folder}/${name}`)
  }
  // Not from /sys, which shows the links of the namespace that it was mounted in.
  for (const [, name] of read('/proc/self/net/dev').matchAll(/^ *(\S+):/gm)) things.add(`link ${name}`)
  if (existsSync('/run/anyward-lab')) things.add('/run/anyward-lab')
  const ownNamespace = link('/proc/self/ns/net')
  for (const pid of list('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const command = read(`/proc/${pid}/comm`).trim()
    if (command === '' || /^State:\s+[ZX]/m.test(read(`/proc/${pid}/status`))) continue
    // A daemon that was given a clean environment has lost the mark. One in our own network namespace
    // belongs to the machine.
    const namespace = link(`/proc/${pid}/ns/net`)
    const marked = read(`/proc/${pid}/environ`).includes(`ANYWARD_TEST_RUN=${runId}`)
    if (marked || (DAEMONS.has(command) && namespace !== null && namespace !== ownNamespace)) {
      things.add(
        `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 200) || command}`,
      )
    }
  }
  return things
}

/**
 * What is there now and was not before. A daemon that was told to end may take a moment.
 *
 * @param {Set<string>} before
 * @param {string} runId
 * @returns {Promise<string[]>}
 */
export async function findLeftovers(before, runId) {
  const deadline = performance.now() + DEADLINE_MS
  for (;;) {
    const left = [...inspectMachine(runId)].filter((thing) => !before.has(thing))
    if (left.length === 0 || performance.now() > deadline) return left.map((thing) => `left behind: ${thing}`)
    await delay(100)
  }
}

/** @param {string} folder */
function list(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process has ended meanwhile.
    return ''
  }
}

/** @param {string} path */
function link(path) {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}
