// Inside the namespace that scripts/leak/run made. Runs many probes in one process, and reports what is still
// open afterwards.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { EndpointProbe } from '../../dist/node/probe/endpoint.js'
import { createCommandProbe } from '../../dist/node/probe/side/command.js'

const [folder, cycles, commands] = process.argv.slice(2)
const endpoint = { address: '192.0.2.1', port: 51820 }
const read = (name) => Buffer.from(readFileSync(`${folder}/${name}`, 'latin1'), 'base64')

const probe = new EndpointProbe({
  endpoints: [endpoint],
  serverPublicKey: read('server.pub'),
  privateKey: read('probe.key'),
  presharedKey: null,
  address: '10.80.255.254',
  tunnelAddresses: ['10.80.0.1'],
  timeoutMs: 2_000,
  checks: ['handshake', 'ping'],
})
const pace = { intervalMs: 1_000, timeoutMs: 5_000, rise: 2, fall: 3 }
const env = { ANYWARD_SERVICE: 'vpn', ANYWARD_NODE: 'leak' }
// The unusual duration identifies processes that were left behind.
const nap = `1000.${process.pid}${randomBytes(2).readUInt16BE()}`
const commandProbes = [
  createCommandProbe({ ...pace, argv: ['/bin/true'] }, env),
  createCommandProbe({ ...pace, argv: ['/bin/sh', '-c', `sleep ${nap} & exit 1`] }, env),
  createCommandProbe({ ...pace, argv: ['/nowhere'] }, env),
]

async function runCycles(count) {
  const outcomes = {}
  for (let index = 0; index < count; index += 1) {
    const { outcome } = await probe.runCycle()
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  return outcomes
}

async function runCommands(count) {
  const outcomes = {}
  for (let index = 0; index < count; index += 1) {
    const { cause } = await commandProbes[index % commandProbes.length].run()
    outcomes[cause ?? 'good'] = (outcomes[cause ?? 'good'] ?? 0) + 1
  }
  return outcomes
}

function takeStock() {
  globalThis.gc()
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    children: readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').length - 1,
    left: countNaps(),
    rssMb: Math.round(process.memoryUsage().rss / 2 ** 20),
    heapMb: Math.round((process.memoryUsage().heapUsed / 2 ** 20) * 10) / 10,
  }
}

function countNaps() {
  return execFileSync('ps', ['-eo', 'stat,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(`sleep ${nap}`) && !line.startsWith('Z')).length
}

/** Runs a tenth first to fill the caches: growth after that is a leak. */
async function measure(name, count, run) {
  await run(Math.ceil(count / 10))
  const before = takeStock()
  const beganAt = performance.now()
  const outcomes = await run(count)
  const msEach = Math.round(((performance.now() - beganAt) / count) * 1000) / 1000
  const after = takeStock()
  const leaks =
    after.descriptors > before.descriptors + 2 ||
    after.children > before.children ||
    after.left > 0 ||
    after.rssMb > before.rssMb + 40 ||
    after.heapMb > before.heapMb + 5
  process.stdout.write(`${JSON.stringify({ name, count, msEach, outcomes, before, after, leaks })}\n`)
  return leaks
}

const results = [
  await measure('endpoint cycles', Number(cycles), runCycles),
  await measure('commands', Number(commands), runCommands),
]
await probe.close()
process.exitCode = results.includes(true) ? 1 : 0
