import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { clientFaults, clientPatienceMs, measureClient } from './controllers/client.mjs'
import { contenders, missingPackageOf, pairs } from './controllers/contenders.mjs'
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
/** With rescue, the client is back this much later than the limit of the withdrawal, at most. */
const rescueMs = 200

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    'client-rounds': { type: 'string', default: '3' },
    only: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'vtysh', 'wg', 'ip', 'nft', 'ping', 'openssl'],
  validate: () => {
    for (const name of ['rounds', 'client-rounds'])
      if (!/^[1-9]\d?$/.test(values[name])) throw new Error(`--${name} needs a number from 1 to 99`)
    if (!['withdrawals', 'clients', undefined].includes(values.only))
      throw new Error('--only takes withdrawals or clients')
  },
  measure,
  describe,
})

async function measure() {
  const skipped = new Set()
  const withdrawals =
    values.only === 'clients' ? [] : await compare({}, contenders, measureContender, skipped)
  const clients = []
  if (values.only !== 'withdrawals')
    for (const { fleet, contenders: all } of pairs)
      clients.push(...(await compare(fleet, all, measureReturn, skipped)))
  return {
    skipped: [...skipped],
    checks: [...(withdrawals.length > 0 ? judge(withdrawals) : []), ...judgeReturns(clients)],
    rows: [...withdrawals, ...clients],
  }
}

async function compare(fleet, all, measureOne, skipped) {
  const rows = []
  const lab = await bringUpPair(fleet)
  try {
    for (const contender of all) {
      const missing = missingPackageOf(contender)
      if (missing === null) {
        console.error(`      ${contender.name} …`)
        rows.push(...(await measureOne(lab, contender)))
      } else skipped.add(`${contender.name}: apt-get install ${missing}`)
    }
  } finally {
    await lab.close()
  }
  return rows
}

async function measureReturn(lab, contender) {
  const running = await contender.start(lab)
  const clientBack = await measureClient(lab, contender, running, Number(values['client-rounds']))
  await running.stop()
  return [{ name: contender.name, isOurs: contender.isOurs ?? false, clientBack }]
}

async function measureContender(lab, contender) {
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

/** With rescue, each client is back in time, and not later than with any other contender. */
function judgeReturns(rows) {
  const ours = rows.filter(({ isOurs }) => isOurs)
  const others = rows.filter(({ isOurs }) => !isOurs)
  const msOf = ({ clientBack }, at) => clientBack[at].medianMs ?? clientPatienceMs
  return ours.flatMap((row) => [
    check(`${row.name}: rounds without the client`, countUnnoticed(row.clientBack), 0, ''),
    ...clientFaults.flatMap(({ name }, at) => {
      const ms = msOf(row, at)
      const quickest = Math.min(...others.map((other) => msOf(other, at)))
      return [
        check(`${row.name}: client back, ${name}`, ms, row.clientBack[at].limitMs + rescueMs, 'ms'),
        check(`${row.name}: ${name}, than the quickest other`, ms, quickest, 'ms'),
      ]
    }),
  ])
}

function countUnnoticed(measured) {
  return measured.reduce((sum, { rounds, noticed }) => sum + rounds.length - noticed, 0)
}

function describe(all) {
  const clients = all.filter(({ clientBack }) => clientBack !== undefined)
  const withdrawals = all.filter(({ clientBack }) => clientBack === undefined)
  if (withdrawals.length > 0) describeWithdrawals(withdrawals)
  if (clients.length === 0) return
  print('from the fault until the client has an answer again, in ms: median (least-most)', [
    ['', ...clientFaults.map(({ name }) => name)],
    ...clients.map((row) => [row.name, ...row.clientBack.map((one) => describeTimes(one, clientPatienceMs))]),
  ])
}

function describeWithdrawals(rows) {
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
