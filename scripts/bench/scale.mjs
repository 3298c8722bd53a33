import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeTimes, summarize, tenths } from './controllers/figures.mjs'
import { probe } from './scale/fleet.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check } from './shared/report.mjs'

/** The share of a core without a fault, and the time from the removal of an interface to the withdrawal at the neighbors. */
const BOUND = { processorPercent: 15, withdrawnMs: 25 }

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    services: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '21' },
    profile: { type: 'boolean', default: false },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'wg', 'ip', 'nft', 'ping'],
  validate: () => {
    for (const name of ['services', 'seconds', 'rounds']) {
      if (!/^[1-9]\d{0,3}$/.test(values[name])) throw new Error(`--${name} needs a number from 1 to 9999`)
    }
  },
  measure,
  describe,
})

async function measure() {
  const { bringUp, replaceController } = await import('./scale/lab.mjs')
  const { measureIdle, measureWithdrawals, patienceMs } = await import('./scale/measure.mjs')
  const { profileController } = await import('./scale/profile.mjs')
  // Fault injection and measurement get the same priority as the lab's daemons.
  writeFileSync('/proc/self/autogroup', '-5')
  const services = Number(values.services)
  const idleMs = Number(values.seconds) * 1000
  say(`${services} services come up …`)
  const lab = await bringUp(services)
  try {
    // The first controller saw all interfaces come up, and needs more memory than later ones.
    await replaceController(lab, [])
    const idle = await measureIdle(lab, idleMs)
    say('interfaces are removed …')
    const removed = await measureWithdrawals(lab, 'wireguard-down', Number(values.rounds))
    say('processes hang …')
    const hung = await measureWithdrawals(lab, 'wireguard-hung', 3)
    const row = {
      services,
      intervalMs: probe.intervalMs,
      load: loadavg().map(tenths),
      idle,
      removed: summarize(removed.times),
      hung: summarize(hung.times),
      profile: values.profile ? await profileController(lab, idleMs) : null,
    }
    const checks = [
      check('of a core, while nothing happens', idle.controllerPercent, BOUND.processorPercent, '%'),
      check('interface removed, median', row.removed.medianMs ?? patienceMs, BOUND.withdrawnMs, 'ms'),
      check('process hung, slowest', row.hung.maxMs ?? patienceMs, hung.limitMs, 'ms'),
    ]
    return { checks, rows: [{ ...row, patienceMs }] }
  } finally {
    lab.tables.close()
  }
}

function describe(rows) {
  for (const { services, intervalMs, load, idle, removed, hung, profile, patienceMs } of rows) {
    const { controllerPercent, residentMb, routingPercent, wireguardPercent, switchesPerSecond } = idle
    for (const line of [
      `${services} services, each probed every ${intervalMs} ms, for ${idle.seconds} s: the controller and what it starts`,
      `${controllerPercent} % of a core, ${residentMb} MB, ${switchesPerSecond} context switches a second;`,
      `BIRD ${routingPercent} %, the WireGuards ${wireguardPercent} %.`,
      `Interface removed: ${describeTimes(removed, patienceMs)} ms. Process hung: ${describeTimes(hung, patienceMs)} ms.`,
      `Load of the machine over 1, 5 and 15 min: ${load.join(', ')}.`,
    ]) {
      console.log(`      ${line}`)
    }
    for (const { place, percent } of profile ?? []) {
      console.log(`        ${String(percent).padStart(5)} %  ${place}`)
    }
  }
}

function say(text) {
  if (!values.json) console.log(`      ${text}`)
}
