import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { readState } from '../dist/lab/state.js'
import { StormNode } from './storm/node.mjs'
import { Storm } from './storm/run.mjs'

const usage = `node scripts/storm.mjs [--steps 10000] [--seed N] [--from BURST] [--hold-down] [--continue] [--report FILE] [--here]

Random faults and repairs, in bursts, on a lab with one BIRD and one FRR node, in namespaces of its own
(--here: in these, which have no lab). After each burst the neighbors, the status and the model have to agree; --continue makes good
what did not, and goes on. Exit 0: they always did, and nothing grew; 1: not so, the report says where; 2: it could not run. Needs root and dist/.
`
const run = promisify(execFile)
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const fleet = fileURLToPath(new URL('storm/fleet', import.meta.url))

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`storm: ${error.stack}`)
  process.exitCode = 2
}

async function main() {
  const { values } = parseArgs({
    options: {
      steps: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String(Date.now() % 100_000) },
      from: { type: 'string', default: '0' },
      'hold-down': { type: 'boolean', default: false },
      report: { type: 'string' },
      continue: { type: 'boolean', default: false },
      here: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  if (!values.here) return enterNamespaces(process.argv.slice(2))
  const [steps, seed, from] = [values.steps, values.seed, values.from].map(Number)
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort())
  await run(process.execPath, [cli, 'lab', 'up', '--sites', fleet, '--json'], { maxBuffer: 2 ** 24 })
  const nodes = []
  try {
    const lab = await readState()
    nodes.push(...lab.nodes.map((node) => new StormNode(node, lab.routers)))
    for (const node of nodes) await node.prepare(values['hold-down'])
    const say = (line) => console.error(`storm: ${line}`)
    const begunAt = performance.now()
    const tell = async () => {
      const report = describe(seed, begunAt, storms)
      const text = `${JSON.stringify(report, null, 1)}\n`
      // Also written at each failure, because a long storm may be interrupted after the first.
      if (values.report !== undefined) await writeFile(values.report, text)
      return { ...report, text }
    }
    const share = Math.ceil(steps / nodes.length)
    const common = { fabric: lab.fabricNamespace, seed, from, steps: share, goOn: values.continue }
    const storms = nodes.map(
      (node) => new Storm({ ...common, node, signal: ending.signal, say, onFailure: tell }),
    )
    await Promise.all(
      storms.map(async (storm) => {
        await storm.run()
        if (storm.failures.length > 0 && !values.continue) ending.abort()
      }),
    )
    const { failures, growth, text } = await tell()
    if (values.report === undefined) process.stdout.write(text)
    for (const line of growth) say(line)
    return failures.length === 0 && growth.length === 0 ? 0 : 1
  } finally {
    for (const node of nodes) {
      node.close()
      await run('umount', ['-l', node.stateDir]).catch(() => {})
    }
    await run(process.execPath, [cli, 'lab', 'down'])
  }
}

function describe(seed, begunAt, storms) {
  return {
    seed,
    seconds: Math.round((performance.now() - begunAt) / 1000),
    nodes: storms.map(({ node, steps, quiets, slowestQuietMs, counts }) => ({
      node: node.name,
      steps,
      quiets,
      slowestQuietMs: Math.round(slowestQuietMs),
      counts: Object.fromEntries(counts),
    })),
    failures: storms.flatMap((storm) => storm.failures),
    growth: storms.flatMap((storm) => storm.findGrowth()),
    stock: storms.flatMap(({ node, samples }) => samples.map((sample) => ({ node: node.name, ...sample }))),
  }
}

/**
 * Runs the storm in namespaces of its own: labs share one folder for the machine. Its processes end with the
 * script.
 */
async function enterNamespaces(args) {
  const furnish =
    'mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/wireguard && ip link set lo up && "$@"; exit $?'
  const own = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
  const self = [process.execPath, fileURLToPath(import.meta.url), ...args, '--here']
  const child = spawn('unshare', [...own, 'sh', '-c', furnish, 'sh', ...self], { stdio: 'inherit' })
  // Ctrl-C reaches the inner process too; SIGKILL of this process ends all processes in the namespace.
  process.once('SIGINT', () => {})
  process.once('SIGTERM', () => child.kill('SIGKILL'))
  const [code] = await once(child, 'exit')
  return code ?? 2
}
