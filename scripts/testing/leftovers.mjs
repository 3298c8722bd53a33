import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const DAEMONS = new Set([
  'bird',
  'bgpd',
  'zebra',
  'staticd',
  'bfdd',
  'mgmtd',
  'watchfrr',
  'wireguard-go',
  'etcd',
])
const FOLDERS = ['/run/netns', '/run/anyward-lab', '/run/wireguard']
const DEADLINE_MS = 5_000
const END_DEADLINE_MS = 10_000

/**
 * The resources that a test run may leave behind, as text for the report.
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
    const command = commandOf(pid)
    if (command === '' || !isAlive(pid)) continue
    // A daemon that was given a clean environment has lost the mark. One in our own network namespace
    // belongs to the machine.
    const namespace = namespaceOf(pid)
    if (isMarked(pid, runId) || (DAEMONS.has(command) && namespace !== null && namespace !== ownNamespace)) {
      things.add(
        `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 200) || command}`,
      )
    }
  }
  return things
}

/**
 * The resources that did not exist before. A daemon that received a signal may need some time to end.
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

/**
 * Ends every process of the run, also one that left its process group or changed its parent: by the mark in its
 * environment. A daemon may have lost the mark: it is ended if its named network namespace was not there before.
 *
 * @param {string} runId
 * @param {ReadonlySet<string> | null} namespacesBefore from `listNamespaces`; null: by the mark alone
 * @returns {Promise<number[]>} the ended processes
 */
export async function endMarked(runId, namespacesBefore) {
  const spared = ownLine()
  const ended = new Set()
  const deadline = performance.now() + END_DEADLINE_MS
  for (;;) {
    const now = namespacesBefore === null ? [] : [...listNamespaces()]
    const added = new Set(now.filter((namespace) => !namespacesBefore.has(namespace)))
    const isOurs = (pid) =>
      isMarked(pid, runId) || (DAEMONS.has(commandOf(pid)) && added.has(namespaceOf(pid)))
    const pids = list('/proc')
      .filter((pid) => /^\d+$/.test(pid) && !spared.has(Number(pid)) && isAlive(pid) && isOurs(pid))
      .map(Number)
    if (pids.length === 0 || performance.now() > deadline) return [...ended]
    for (const pid of pids) {
      ended.add(pid)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    }
    await delay(20)
  }
}

/** The named network namespaces, as /proc/PID/ns/net shows them. */
export function listNamespaces() {
  const inodes = new Set()
  for (const name of list('/run/netns')) {
    try {
      inodes.add(`net:[${statSync(`/run/netns/${name}`).ino}]`)
    } catch {
      // It has been removed already.
    }
  }
  return inodes
}

/** @param {string} pid */
function commandOf(pid) {
  return read(`/proc/${pid}/comm`).trim()
}

/** @param {string} pid */
function isAlive(pid) {
  const status = read(`/proc/${pid}/status`)
  return status !== '' && !/^State:\s+[ZX]/m.test(status)
}

/**
 * @param {string} pid
 * @param {string} runId
 */
function isMarked(pid, runId) {
  return read(`/proc/${pid}/environ`).includes(`ANYWARD_TEST_RUN=${runId}`)
}

/** @param {string} pid */
function namespaceOf(pid) {
  return link(`/proc/${pid}/ns/net`)
}

/** This process and those that started it. */
function ownLine() {
  const pids = new Set()
  for (let pid = process.pid; pid > 1 && !pids.has(pid); ) {
    pids.add(pid)
    pid = Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)
  }
  return pids
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
