// The demo: the example fleet in a lab. Breaks one site after another, and prints the effect on neighbors and
// clients. Then a bad change of the YAML is rolled out.
import { fileURLToPath } from 'node:url'
import { bringUp, LabExistsError } from '../dist/lab/bring-up.js'
import { clientScenarios } from '../dist/lab/scenario/client/client-scenarios.js'
import { formatMs } from '../dist/lab/scenario/report.js'
import { runScenarios } from '../dist/lab/scenario/run.js'
import { scenarios } from '../dist/lab/scenario/scenarios.js'
import { readState } from '../dist/lab/state.js'
import { takeDown } from '../dist/lab/take-down.js'
import { requireFleet } from '../dist/plan/sites/load.js'
import { restartWith, watchClient } from './demo-rescue.mjs'
import { canary, copySites, rollOutMistake } from './demo-rollout.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const program = [process.execPath, `${root}dist/cli/main.js`]

/** The first without session rescue, so that the client waits for WireGuard's own timers, and all others with it. */
const acts = [
  {
    scenario: 'wireguard-down',
    node: 'fra1-a',
    rescue: false,
    label: 'the WireGuard interface is removed, no rescue',
  },
  { scenario: 'wireguard-down', node: 'fra1-a', rescue: true },
  { scenario: 'wireguard-hung', node: 'nyc1-a', rescue: true },
  { scenario: 'node-crash', node: 'ams1-a', rescue: true },
  { scenario: 'wrong-key', node: 'fra1-a', rescue: true },
  { scenario: 'peer-missing', node: 'nyc1-a', rescue: true },
  {
    scenario: 'site-change-silent',
    node: 'ams1-a',
    rescue: true,
    label: 'an upstream moves the route to another site',
  },
  { scenario: 'controller-killed', node: 'ams1-a', rescue: true },
]

/** How each reason is detected, for the table. */
const finders = {
  'interface-down': 'kernel event',
  'interface-missing': 'kernel event',
  hung: 'probes; wg does not answer',
  'wrong-key': 'probes; the key differs',
  'peer-missing': 'probes; the peer is gone',
  'no-reply': 'probes',
}

const isLive = process.stdout.isTTY === true
const paint = (code, text) => (isLive ? `\u001b[${code}m${text}\u001b[0m` : text)
const bold = (text) => paint(1, text)
const dim = (text) => paint(2, text)

/** A progress line; on a terminal it is rewritten in place. */
const ticker = { timer: null, text: '', since: 0, frame: 0 }

function wait(text) {
  settle()
  ticker.text = text
  ticker.since = performance.now()
  if (!isLive) return
  ticker.timer = setInterval(() => {
    const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
    ticker.frame = (ticker.frame + 1) % frames.length
    const seconds = ((performance.now() - ticker.since) / 1000).toFixed(1)
    process.stdout.write(`\r\u001b[2K   ${frames[ticker.frame]} ${dim(`${ticker.text} … ${seconds} s`)}`)
  }, 80)
}

function settle() {
  if (ticker.timer === null) return
  clearInterval(ticker.timer)
  ticker.timer = null
  process.stdout.write('\r\u001b[2K')
}

function say(line) {
  settle()
  process.stdout.write(`${line}\n`)
}

async function main() {
  const startedAt = performance.now()
  const sites = await copySites(`${root}sites`)
  const fleet = await requireFleet(sites.dir)
  say(bold('Anyward: three sites, one anycast address, on this machine'))
  say(
    dim(
      'BIRD at Frankfurt and Amsterdam, FRR at New York; real BGP, BFD and WireGuard; a client at each site',
    ),
  )
  say('')

  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => abort.abort())
  const rows = []
  try {
    const state = await bringUp({
      fleet,
      sites: sites.dir,
      program,
      controllers: true,
      command: 'demo',
      timeoutMs: null,
      keep: false,
      onStep: (step) => wait(step),
      signal: abort.signal,
    })
    say(
      `   up after ${formatMs(performance.now() - startedAt)}: all sessions and announcements are up, all clients have replies`,
    )
    const parts = acts.length + 1
    let hasRescue = true
    for (const [index, act] of acts.entries()) {
      if (act.rescue !== hasRescue) {
        wait(`the controllers start again ${act.rescue ? 'with' : 'without'} session rescue`)
        await restartWith(act.rescue ? fleet : { ...fleet, rescue: null }, state, program, abort.signal)
        hasRescue = act.rescue
      }
      rows.push(await play(state, act, `${index + 1}/${parts}`, abort.signal))
    }
    rows.push(await playRollout(state, sites.dir, `${parts}/${parts}`, abort.signal))
  } catch (error) {
    if (!abort.signal.aborted) throw error
  } finally {
    wait('taking the lab down')
    await takeDown(await readState())
    await sites.remove()
    settle()
  }
  if (rows.length > 0) printTable(rows, performance.now() - startedAt)
  // A rollout that was interrupted still tries to reach its nodes.
  if (abort.signal.aborted) process.exit(130)
  if (rows.some(({ passed }) => !passed)) process.exitCode = 1
}

async function play(state, act, number, signal) {
  const scenario = [...scenarios, ...clientScenarios].find(({ name }) => name === act.scenario)
  const what = act.rescue ? scenario.summary : `${scenario.summary}, without session rescue`
  const node = state.nodes.find(({ name }) => name === act.node)
  const neighbors = new Set()
  let reason = null
  say('')
  say(`${bold(`${number}  ${what}`)} at ${node.name} (${node.daemon === 'bird' ? 'BIRD' : 'FRR'})`)
  const [result] = await runScenarios({
    state,
    scenarios: [scenario],
    fleetScenarios: [],
    nodes: [node],
    client: true,
    program,
    signal,
    onEvent(event) {
      switch (event.kind) {
        case 'withdrawn':
          neighbors.add(event.neighbor)
          say(`   ${formatMs(event.afterMs).padStart(9)}  ${event.neighbor} has lost the route`)
          wait(toOtherSite)
          break
        case 'detected':
          reason = event.reason
          say(`   ${formatMs(event.afterMs).padStart(9)}  the controller decided: ${event.reason}`)
          wait(toOtherSite)
          break
        case 'client-back':
          say(describeClient(event))
          break
        case 'repairing':
          wait('repaired; waiting for the new announcement')
          break
        default:
      }
    },
  })
  if (!result.passed) say(`   ${bold('failed')}: ${result.detail}`)
  else if (result.withdrawnMs === null) say('   the neighbors kept all routes')
  else say(dim(`   announced again ${formatMs(result.restoredMs)} after the repair`))
  return {
    passed: result.passed,
    cells: [
      act.label ?? what,
      nameOf(node),
      foundBy(scenario, reason),
      scenario.expects === 'kept' && result.passed ? 'kept' : formatMs(result.withdrawnMs),
      ...darkCells(result.clientOutageMs, result.packetsLost),
    ],
  }
}

const toOtherSite = 'its client moves to another site'

function describeClient({ where, outageMs, packetsLost }) {
  const site = where === 'here' ? 'its own site' : 'another site'
  if (packetsLost === 0) return `              its client is at ${site}, and has lost nothing`
  return `   ${formatMs(outageMs).padStart(9)}  its client was dark: it is at ${site} now, ${packetsLost} ${packetsLost === 1 ? 'packet' : 'packets'} lost`
}

/** `null`: longer than it was waited for. */
function darkCells(ms, packetsLost) {
  return ms === null ? ['over 20 s', '-'] : [ms === 0 ? 'never' : formatMs(ms), String(packetsLost)]
}

const nameOf = ({ name, daemon }) => `${name} ${daemon === 'bird' ? 'BIRD' : 'FRR'}`

async function playRollout(state, dir, number, signal) {
  const node = state.nodes.find(({ name }) => name === canary)
  const line = (afterMs, text) => say(`   ${formatMs(afterMs).padStart(9)}  ${text}`)
  let isStopped = false
  say('')
  say(
    `${bold(`${number}  wrong AS numbers are rolled out`)}: 64610 for 64601 at ${canary}, and so at every site`,
  )
  say(
    dim('   the YAML is valid, and would end the sessions with all upstreams; drain and soak are short here'),
  )
  wait('planning the new bundles')
  const client = await watchClient(state, node.site)
  const { rollout, tookMs, losses, restarts, incomplete, others } = await rollOutMistake({
    ...{ state, dir, program, signal },
    onEvent({ event, message, afterMs }) {
      if (event === 'rollout' && message.includes(': undoes the wave: ')) {
        isStopped = true
        line(afterMs, `the rollout stops: ${message.split(': ').at(-1).split('; ')[0]}`)
        wait('the canary gets its former bundle back, and its neighbors connect again')
      }
      if (isStopped || event !== 'step') return
      if (message.endsWith(': drain')) {
        line(afterMs, `${canary}, the canary, is drained, because its sessions will restart`)
        wait('its clients move to another site')
      } else if (message.endsWith(': apply')) {
        line(afterMs, `${canary} applies its new bundle`)
        wait('waiting for its sessions')
      }
    },
  })
  const outage = await client.end()
  const isCanaryAlone = [...losses, ...restarts].every((name) => name === canary)
  const passed = rollout?.state === 'undone' && isCanaryAlone && incomplete.length === 0
  if (passed) {
    line(tookMs, `undone: ${canary} runs its former bundle, and its neighbors have all routes again`)
    say(dim(`   the ${others} neighbors of the other sites lost no route, and their sessions stayed up`))
  } else {
    const { state: end, reason } = rollout ?? {}
    const facts = { state: end, reason, losses: [...losses], restarts: [...restarts], incomplete }
    say(`   ${bold('failed')}: ${JSON.stringify(facts)}`)
  }
  const seenBy = passed ? 'canary only' : '-'
  return {
    passed,
    cells: [
      ...['wrong AS numbers are rolled out', nameOf(node), 'apply at the canary', seenBy],
      ...darkCells(outage?.durationMs ?? 0, outage?.packetsLost ?? 0),
    ],
  }
}

function printTable(rows, tookMs) {
  const head = ['what broke', 'where', 'found by', 'route gone', 'client dark', 'lost']
  const cells = rows.map((row) => row.cells)
  const widths = head.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at].length)))
  const print = (row) =>
    row.map((cell, at) => (at >= 3 ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join('  ')
  say('')
  say(bold(print(head)))
  say(dim(widths.map((width) => '─'.repeat(width)).join('  ')))
  for (const [at, row] of cells.entries()) say(`${print(row)}${rows[at].passed ? '' : '  FAILED'}`)
  say('')
  say(
    'Route gone: the time until the last neighbor’s table has lost the route. Client dark: the longest time that the',
  )
  say(
    'pings of the site’s client through the tunnel had no reply, there and back. Lost: pings without a reply.',
  )
  const [without, rescued] = rows
  if (rescued !== undefined)
    say(
      bold(
        `One fault, one client: dark for ${without.cells[4]} without session rescue, for ${rescued.cells[4]} with it (docs/rescue.md).`,
      ),
    )
  say(
    dim(
      `${formatMs(tookMs)} in all; all processes have ended. Next: start a lab with npx anyward lab up (docs/lab.md)`,
    ),
  )
}

function foundBy(scenario, reason) {
  if (scenario.name === 'node-crash') return 'BFD at the neighbors'
  if (scenario.name === 'site-change-silent') return 'packets at the other site'
  if (scenario.expects === 'kept') return 'no failure'
  return reason === null ? '-' : (finders[reason] ?? reason)
}

try {
  await main()
} catch (error) {
  settle()
  if (error instanceof LabExistsError) {
    process.stderr.write('a lab is already on this machine: `npx anyward lab down` ends it\n')
  } else {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
  }
  process.exitCode = 2
}
