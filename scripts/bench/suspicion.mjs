import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { processorMsOf } from './controllers/usage.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check } from './shared/report.mjs'

/** With suspicion, at most so much more of a processor for two services. */
const BOUND = { 0: 0.5, 5: 1 }
const lossPercents = [0, 5]
const warmUpMs = 20_000
const measuredMs = 60_000
const fleet = fileURLToPath(new URL('withdrawal/detection', import.meta.url))
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const endMs = 10_000
const load = (path) => import(new URL(`../../dist/lab/${path}`, import.meta.url))
const { startController } = await load('bring-up.js')
const { signalProcess, waitForEnd } = await load('machine/processes.js')
const { readState } = await load('state.js')

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '2' },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'vtysh', 'wg', 'ip', 'nft'],
  validate: () => {
    if (!/^[1-9]\d?$/.test(values.rounds)) throw new Error('--rounds needs a number from 1 to 99')
  },
  measure,
  describe,
})

/** Two nodes at the same time, one with suspicion and one without it, which change places after each round. */
async function measure() {
  await promisify(execFile)(process.execPath, [cli, '--sites', fleet, 'lab', 'up', '--json'])
  const { nodes } = await readState()
  const subjects = nodes.filter(({ daemon }) => daemon === 'bird').map((node) => ({ node, suspicion: false }))
  const rows = []
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [at, subject] of subjects.entries()) await restart(subject, (at + round) % 2 === 0)
    await delay(warmUpMs)
    for (const percent of lossPercents) {
      for (const { node } of subjects) await lose(node, percent)
      rows.push(...(await measureOnce(subjects, percent)))
    }
    for (const { node } of subjects) await lose(node, 0)
  }
  return { checks: lossPercents.map((percent) => judge(rows, percent)), rows }
}

async function restart(subject, suspicion) {
  const { node } = subject
  await signalProcess(node.controller, 'SIGHUP')
  if (!(await waitForEnd(node.controller, endMs)))
    throw new Error(`the controller of ${node.name} does not end`)
  const file = join(node.bundle, 'manifest.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  for (const { probe } of manifest.services) probe.suspicion = suspicion
  writeFileSync(file, JSON.stringify(manifest))
  node.controller = await startController(node, [process.execPath, cli])
  subject.suspicion = suspicion
}

/** That share of the packets in each direction. */
async function lose(node, percent) {
  const drop = (port) => `udp ${port} { 51820, 51821 } numgen random mod 100 < ${percent} drop;`
  const rules = `chain input { type filter hook input priority 0; ${drop('dport')} ${drop('sport')} };`
  await nft(node, 'add table ip losses; delete table ip losses')
  if (percent > 0) await nft(node, `table ip losses { ${rules} }`)
}

function nft({ namespace }, rules) {
  return promisify(execFile)('ip', ['netns', 'exec', namespace, 'nft', rules])
}

async function measureOnce(subjects, percent) {
  const serversOf = ({ node }) => node.wireguard.flatMap(({ process }) => process?.pid ?? [])
  const take = (subject) => ({
    own: processorMsOf([subject.node.controller.pid]),
    servers: processorMsOf(serversOf(subject)),
    atMs: performance.now(),
  })
  const before = subjects.map(take)
  await delay(measuredMs)
  return subjects.map((subject, at) => {
    const after = take(subject)
    const percentOf = (group) =>
      Math.round((10_000 * (after[group] - before[at][group])) / (after.atMs - before[at].atMs)) / 100
    const { suspicion } = subject
    return { lossPercent: percent, suspicion, percent: percentOf('own'), serverPercent: percentOf('servers') }
  })
}

function judge(rows, percent) {
  const meanOf = (suspicion) => {
    const own = rows.filter((row) => row.lossPercent === percent && row.suspicion === suspicion)
    return own.reduce((sum, row) => sum + row.percent, 0) / own.length
  }
  const more = Math.round(100 * (meanOf(true) - meanOf(false))) / 100
  return check(`${percent} % of loss: more with suspicion`, more, BOUND[percent], '% of a processor')
}

function describe(rows) {
  console.log('      % of a processor: the controller of two services, and their WireGuard')
  for (const { lossPercent, suspicion, percent, serverPercent } of rows) {
    const what = `${lossPercent} % of loss, ${suspicion ? 'with' : 'without'} suspicion`
    console.log(`      ${what.padEnd(34)} ${percent} ${serverPercent}`)
  }
}
