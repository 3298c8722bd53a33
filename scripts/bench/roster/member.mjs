// A node's part of the roster, as the controller has it, in a process of its own: it prints `ready`, and on each line of input what it has used since
// the line before, as JSON.
import { readdirSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'

const dist = new URL('../../../dist/', import.meta.url)
const { systemClock } = await import(`${dist}clock/clock.js`)
const { shareRoster } = await import(`${dist}node/service/share-roster.js`)
const { rescueSessions } = await import(`${dist}node/service/rescue-sessions.js`)
const { fieldsOfStat } = await import(`${dist}linux/proc.js`)
const { createMetrics } = await import(`${dist}telemetry/metrics.js`)

const { manifest, watches } = JSON.parse(process.argv[2])
const say = (level, _facts, message) => {
  if (level !== 'info') process.stderr.write(`${manifest.node}: ${message}\n`)
}
const metrics = createMetrics()
const { shared } = await shareRoster(manifest, new Map(), systemClock, { say, metrics })
const fence = { settled: async () => {} }
if (shared !== null && watches) rescueSessions(manifest, { ...shared, fence, say, metrics })

/** When this node stored a sample of one in 64 of the claims. */
const stored = []
if (shared !== null) {
  const { roster } = shared
  const put = roster.put.bind(roster)
  roster.put = (node, claim, nowMs) => {
    const outcome = put(node, claim, nowMs)
    if (outcome === 'stored' && claim.peer[4] === 'A')
      stored.push([`${claim.peer} ${claim.handshakeMs}`, performance.timeOrigin + performance.now()])
    return outcome
  }
}

const delay = monitorEventLoopDelay({ resolution: 20 })
delay.enable()
let since = { cpuMs: readCpuMs(), atMs: performance.now() }
process.stdout.write('ready\n')
for await (const _ of createInterface({ input: process.stdin })) {
  const now = { cpuMs: readCpuMs(), atMs: performance.now() }
  const report = {
    cpuMs: now.cpuMs - since.cpuMs,
    wallMs: now.atMs - since.atMs,
    memoryMb: readMemoryMb(),
    // The resolution of the monitor is part of what it measures.
    longestTurnMs: Math.max(0, delay.max / 1e6 - 20),
    entries: shared?.roster.size ?? 0,
    stored: stored.splice(0),
  }
  process.stdout.write(`${JSON.stringify(report)}\n`)
  delay.reset()
  since = now
}
process.exit(0)

/** With the programs that it has started and that have ended. */
function readCpuMs() {
  const fields = fieldsOfStat(readFileSync('/proc/self/stat', 'utf8'))
  // utime, stime, cutime and cstime (proc(5)).
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]) * 10, 0)
}

/** What it does not share with others, such as the code of Node; with the programs that it has started and that run. */
function readMemoryMb() {
  const pids = [process.pid, ...readdirSync('/proc').filter((pid) => parentOf(pid) === process.pid)]
  const kilobytes = pids.map((pid) =>
    Number(/^Anonymous:\s+(\d+)/m.exec(read(pid, 'smaps_rollup'))?.[1] ?? 0),
  )
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024
}

function parentOf(pid) {
  return Number(/^\d+ \(.*\) \S (\d+)/s.exec(read(pid, 'stat'))?.[1])
}

/** Empty for a process that has ended. */
function read(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    return ''
  }
}
