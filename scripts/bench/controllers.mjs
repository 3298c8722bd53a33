import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { contenders, missingPackageOf } from './controllers/contenders.mjs'
import { alignTable, describeTimes, tenths } from './controllers/figures.mjs'
import { bringUpPair } from './controllers/lab.mjs'
import { faults, measureFaults, measureIdle, patienceMs } from './controllers/measure.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check } from './shared/report.mjs'

/**
 * The limit of a median, relative to that of the fastest other contender; values below the floor count as the floor.
 * Where both have BFD, chance makes that much difference: a cut is detected two to three intervals later.
 */
const BOUND = { ratio: 1.5, floorMs: 25 }

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    inside: { type: 'boolean', default: false },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'vtysh', 'wg', 'ip', 'nft', 'ping'],
  validate: () => {
    if (!/^[1-9]\d?$/.test(values.rounds)) throw new Error('--rounds needs a number from 1 to 99')
  },
  measure: compare,
  describe,
})

async function compare() {
  const skipped = []
  const rows = []
  const lab = await bringUpPair()
  try {
    for (const contender of contenders) {
      const missing = missingPackageOf(contender)
      if (missing === null) rows.push(...(await measureContender(lab, contender)))
      else skipped.push(`${contender.name}: apt-get install ${missing}`)
    }
  } finally {
    lab.tables.close()
  }
  return { skipped, checks: judge(rows), rows }
}

async function measureContender(lab, contender) {
  console.error(`      ${contender.name} …`)
  const running = await contender.start(lab)
  const measured = await measureFaults(lab, running, Number(values.rounds))
  const idle = contender.idle === undefined ? [await measureIdle(running)] : []
  await running.stop()
  for (const start of contender.idle ?? []) {
    const alone = await start(lab)
    idle.push(await measureIdle(alone))
    await alone.stop()
  }
  return running.rows.map(({ name }, at) => ({
    name,
    isOurs: contender.isOurs ?? false,
    checksEachMs: running.intervalMs,
    faults: measured.map(({ fault, limitMs, rows }) => ({ fault, limitMs, ...rows[at] })),
    idle: idle[at],
    saysOfWrongKey: measured.find(({ fault }) => fault === 'wrong-key').says,
  }))
}

/** Our controller withdraws in time for each fault, and no other is faster on the same routing daemon. */
function judge(rows) {
  const ours = rows.filter(({ isOurs }) => isOurs)
  const others = rows.filter(({ isOurs }) => !isOurs)
  const inTime = ours.flatMap(({ name, faults: measured }) => [
    check(`${name}: rounds without a withdrawal`, countUnnoticed(measured), 0, ''),
    ...measured.map(({ medianMs, limitMs }, at) =>
      check(`${name}: ${faults[at].name}`, medianMs ?? patienceMs, limitMs, 'ms'),
    ),
  ])
  const compared = faults.flatMap(({ name }, at) => {
    const quickest = Math.min(...others.map((other) => other.faults[at].medianMs ?? Number.POSITIVE_INFINITY))
    if (quickest === Number.POSITIVE_INFINITY) return []
    const floored = [ours[0].faults[at].medianMs ?? patienceMs, quickest].map((ms) =>
      Math.max(ms, BOUND.floorMs),
    )
    const what = `${name}: to the quickest other`
    return [check(what, tenths(floored[0] / floored[1]), BOUND.ratio, 'x')]
  })
  return [...inTime, ...compared]
}

function countUnnoticed(measured) {
  return measured.reduce((sum, { rounds, noticed }) => sum + rounds.length - noticed, 0)
}

function describe(rows) {
  print('from the fault until the neighbor has it, in ms: median (least-most)', [
    ['', ...faults.map(({ name }) => name)],
    ...rows.map((row) => [row.name, ...row.faults.map((one) => describeTimes(one, patienceMs))]),
  ])
  print('while nothing happens', [
    ['', 'checks each', '% of a core', 'its router', 'WireGuard', 'MB RSS', 'MB PSS', 'its router'],
    ...rows.map(({ name, checksEachMs, idle }) => [
      name,
      `${checksEachMs} ms`,
      ...[idle.processorPercent, idle.routingPercent, idle.wireguardPercent].map(String),
      ...[idle.residentMb, idle.proportionalMb, idle.routingMb].map(String),
    ]),
  ])
  console.log(
    '      of an endpoint with another private key, which takes packets and completes no handshake, each says',
  )
  for (const { name, saysOfWrongKey } of rows)
    console.log(`        ${name}: ${describeSaying(saysOfWrongKey)}`)
}

function print(title, rows) {
  console.log(`      ${title}`)
  for (const line of alignTable(rows)) console.log(`        ${line}`)
}

function describeSaying({ lines, state, checkExit }) {
  if (lines.length > 0) return `${state}: "${lines.join(' | ')}"`
  return `nothing; it is ${state}, its check exits ${checkExit}`
}
