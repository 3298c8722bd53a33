import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { describeTimes, summarize, tenths } from './controllers/figures.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check } from './shared/report.mjs'

/**
 * From the probe that makes an endpoint dead to the withdrawal, with BIRD; and how much later it may be while the store hangs than
 * without a store.
 */
const BOUND = { birdMs: 25, hangsMs: 250 }
/** From a fault of an endpoint to the withdrawal at the neighbor, with suspicion. */
const FOUND_WITHIN = { bird: 350, frr: 420 }
const faults = ['wireguard-hung', 'wrong-key']
const names = { none: 'without a store', there: 'with a store', hangs: 'while the store hangs' }
const fleet = fileURLToPath(new URL('withdrawal/fleet', import.meta.url))
const twice = fileURLToPath(new URL('withdrawal/detection', import.meta.url))
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '21' },
    only: { type: 'string' },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'vtysh', 'wg', 'ip', 'nft', 'ping', 'etcd', 'etcdctl', 'openssl'],
  validate: () => {
    if (!/^[1-9]\d?$/.test(values.rounds)) throw new Error('--rounds needs a number from 1 to 99')
    if (!['store', 'faults', undefined].includes(values.only)) throw new Error('--only takes store or faults')
  },
  measure,
  describe,
})

async function measure() {
  // Fault injection and measurement get the same priority as the lab's daemons.
  writeFileSync('/proc/self/autogroup', '-5')
  const parts = [
    values.only === 'faults' ? null : await measureStores(),
    values.only === 'store' ? null : await measureFaults(),
  ]
  return {
    checks: parts.flatMap((part) => part?.checks ?? []),
    rows: parts.flatMap((part) => part?.rows ?? []),
  }
}

/** How soon an endpoint that hangs, or has another key, is withdrawn, with suspicion and without it. */
async function measureFaults() {
  const { openLab } = await import('./withdrawal/rounds.mjs')
  const { measureDetection } = await import('./withdrawal/detection.mjs')
  await anyward('--sites', twice, 'lab', 'up', '--json')
  const lab = await openLab()
  try {
    const load = loadavg().map(tenths)
    const say = (line) => values.json || console.log(`      ${line} …`)
    const measured = await measureDetection(
      lab,
      lab.state.nodes.slice(0, 2),
      faults,
      Number(values.rounds),
      say,
    )
    const rows = measured.map(({ times, ...row }) => ({ ...row, load, ...summarize(times) }))
    const checks = rows
      .filter(({ suspicion }) => suspicion)
      .map(({ daemon, fault, medianMs }) =>
        check(`${daemon}: ${fault}`, medianMs ?? Number.POSITIVE_INFINITY, FOUND_WITHIN[daemon], 'ms'),
      )
    return { checks, rows }
  } finally {
    lab.tables.close()
    await anyward('lab', 'down')
  }
}

async function measureStores() {
  const { measureNode, openLab } = await import('./withdrawal/rounds.mjs')
  const rows = []
  for (const store of ['none', 'there']) {
    const load = loadavg().map(tenths)
    await anyward('--sites', fleet, 'lab', 'up', '--json', ...(store === 'none' ? [] : ['--store']))
    const lab = await openLab()
    try {
      for (const state of store === 'none' ? ['none'] : ['there', 'hangs']) {
        // One with BIRD and one with FRR; the third site is the one that has to stay.
        for (const node of lab.state.nodes.slice(0, 2)) {
          if (!values.json) console.log(`      ${node.name}, ${names[state]} …`)
          const times = await measureNode(lab, node, state, Number(values.rounds))
          rows.push({ daemon: node.daemon, store: state, load, ...summarize(times) })
        }
      }
    } finally {
      lab.tables.close()
    }
    await anyward('lab', 'down')
  }
  return { checks: judge(rows), rows }
}

function judge(rows) {
  const of = (daemon, store) => rows.find((row) => row.daemon === daemon && row.store === store).medianMs
  const later = (daemon) => tenths((of(daemon, 'hangs') ?? Number.POSITIVE_INFINITY) - of(daemon, 'none'))
  return [
    check('bird: a dead endpoint, with a store', of('bird', 'there'), BOUND.birdMs, 'ms'),
    check('bird: later, while the store hangs', later('bird'), BOUND.hangsMs, 'ms'),
    check('frr: later, while the store hangs', later('frr'), BOUND.hangsMs, 'ms'),
  ]
}

function anyward(...args) {
  return promisify(execFile)(process.execPath, [cli, ...args], { maxBuffer: 2 ** 26 })
}

function describe(rows) {
  console.log(
    `      store: from the end of the last failed probe; faults: from the fault; to the withdrawal, median (least-most); ${availableParallelism()} processors`,
  )
  for (const { daemon, store, fault, suspicion, load, ...times } of rows) {
    const what = fault === undefined ? names[store] : `${fault}, ${suspicion ? 'with' : 'without'} suspicion`
    const text = describeTimes(times, 20_000)
    console.log(`      ${daemon.padEnd(4)} ${what.padEnd(38)} ${text} ms, load before: ${load.join(', ')}`)
  }
}
