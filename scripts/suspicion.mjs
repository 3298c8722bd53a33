import { parseArgs } from 'node:util'
import { countFalseWithdrawals, endpoint, measureDetection } from './suspicion/simulate.mjs'

const usage = `node scripts/suspicion.mjs [--hours 20] [--span 1] [--rounds 101] [--seed 1] [--only TEXT] [--json]

Simulates the probe of a healthy endpoint with and without suspicion: false withdrawals, the share of time it is
degraded, and the time until a hang is detected. The probing, the health and the probe are the controller's own, from dist/;
the network, the server and the processor are simulated. --only: the disturbances whose name contains that text; --span: hours
from one restart of the controller to the next, which knows the silences that the last one has saved. Where there are more
withdrawals than before: the probability of so many or more if both had the same rate.
`
const dist = (path) => import(new URL(`../dist/${path}`, import.meta.url))
const share = (percent) => percent / 100
const shares = [1, 5, 10, 20, 30]
const both = [endpoint, { ...endpoint, address: '2001:db8::1' }]
/** The third: settings of the probe. */
const disturbances = [
  ['nothing', {}],
  ...shares.map((percent) => [`loss ${percent} %`, { loss: share(percent) }]),
  ...shares.map((percent) => [
    `loss ${percent} %, bursts of 5 packets`,
    { bursts: { share: share(percent), packets: 5 } },
  ]),
  ...shares.map((percent) => [
    `loss ${percent} %, bursts of 100 ms`,
    { outages: { share: share(percent), ms: 100 } },
  ]),
  ...[10, 20].map((percent) => [
    `two addresses, loss ${percent} %`,
    { loss: share(percent) },
    { endpoints: both },
  ]),
  ...[20, 50].map((percent) => [
    `loss of initiations alone, ${percent} %`,
    { initiations: share(percent) },
    { holdDown: { initialMs: 1000, maxMs: 600_000 } },
  ]),
  ['5 % of answers up to 250 ms later', { spikes: { share: 0.05, ms: 250 } }],
  ['30 % of answers up to 250 ms later', { spikes: { share: 0.3, ms: 250 } }],
  ['server stalls, 60 an hour, 50 ms', { stalls: { everyMs: 60_000, ms: 50 } }],
  ['server stalls, 60 an hour, 100 ms', { stalls: { everyMs: 60_000, ms: 100 } }],
  ['server stalls, 1 a second, 50 ms', { stalls: { everyMs: 1000, ms: 50 } }],
  ['starved, 1 a second, 30 ms', { starved: { everyMs: 1000, ms: 30 } }],
  ['starved, 1 a second, 100 ms', { starved: { everyMs: 1000, ms: 100 } }],
  ['starved, 1 in 10 s, 200 ms', { starved: { everyMs: 10_000, ms: 200 } }],
  ['floods, 60 an hour, 10 s', { floods: { everyMs: 60_000, ms: 10_000 } }],
]
const hourMs = 3_600_000

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '20' },
    span: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '101' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) process.stdout.write(usage)
else await main(Number(values.hours), Number(values.span), Number(values.rounds), Number(values.seed))

async function main(hours, span, rounds, seed) {
  const parts = {
    ...(await dist('node/wireguard/exchange.js')),
    ...(await dist('node/wireguard/deadline.js')),
    ...(await dist('node/probe/endpoint.js')),
    ...(await dist('node/controller/services/probing.js')),
    ...(await dist('node/controller/services/service-state.js')),
  }
  const rows = []
  if (!values.json)
    console.log(`| | withdrawals in ${hours} h old | new | degraded old | new | hang found after old | new |`)
  for (const [name, disturb, changed = {}] of disturbances.filter(([name]) => name.includes(values.only))) {
    const row = { name }
    for (const isOld of [true, false]) {
      const calm = []
      for (let hour = 0; hour < hours; hour += span) {
        const given = [isOld, disturb, seed + hour, span * hourMs, changed, calm.at(-1)?.silences]
        calm.push(await countFalseWithdrawals(parts, ...given))
      }
      const times = []
      for (let round = 0; round < rounds; round += 1) {
        const afterMs = 20_000 + 200 * (round / rounds)
        const given = [isOld, disturb, seed + 1000 + round, afterMs, changed]
        times.push((await measureDetection(parts, ...given)) ?? Number.POSITIVE_INFINITY)
      }
      const sum = (of) => calm.reduce((total, one) => total + of(one), 0)
      row[isOld ? 'old' : 'new'] = {
        withdrawals: sum(({ withdrawals }) => withdrawals),
        degraded: sum(({ impairedShare }) => impairedShare) / calm.length,
        packetsPerSecond: sum(({ packets }) => packets) / hours / 3600,
        medianMs: times.sort((a, b) => a - b)[rounds >> 1],
        slowestMs: times.at(-1),
      }
    }
    row.chance = chanceOf(row.old.withdrawals, row.new.withdrawals)
    rows.push(row)
    if (!values.json) console.log(describe(row))
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ hours, span, rounds, seed, rows }, null, 1)}\n`)
}

/** Of `now` or more of all events, if each is as likely to be one as the other. */
function chanceOf(old, now) {
  const all = old + now
  let term = 0.5 ** all
  let sum = 0
  for (let count = 0; count <= all; count += 1) {
    if (count >= now) sum += term
    term *= (all - count) / (count + 1)
  }
  return sum
}

function describe({ name, old, new: now, chance }) {
  const both = (of) => `${of(old)} | ${of(now)}`
  const byChance = now.withdrawals > old.withdrawals ? ` (${chance.toFixed(2)})` : ''
  return `| ${name} | ${[
    `${both(({ withdrawals }) => withdrawals)}${byChance}`,
    both(({ degraded }) => `${round(100 * degraded)} %`),
    both(({ medianMs, slowestMs }) => `${Math.round(medianMs)} (${Math.round(slowestMs)}) ms`),
  ].join(' | ')} |`
}

function round(value) {
  return value >= 10 || value === 0 ? String(Math.round(value)) : value.toFixed(2)
}
