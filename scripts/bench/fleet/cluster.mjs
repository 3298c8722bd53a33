import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseEnv, promisify } from 'node:util'
import { memoryMbOf, processorMsOf } from '../controllers/usage.mjs'

const run = promisify(execFile)
const program = (name) => fileURLToPath(new URL(`../../etcd/${name}`, import.meta.url))
const members = [1, 2, 3].map((number) => ({ name: `core${number}`, address: `127.0.0.${number}` }))
const readyWithinMs = 30_000

export const endpoints = members.map(({ address }) => `https://${address}:2379`)

/** Three members on this machine's loopback, prepared as docs/fleet.md does it, with one user `bench` that may write everything. */
export async function startCluster(folder) {
  const keys = join(folder, 'keys')
  await run(program('prepare'), [
    keys,
    ...members.flatMap(({ name, address }) => ['--member', `${name}=${address}`]),
    ...['--site', 'bench'],
  ])
  const children = []
  for (const { name, address } of members) {
    const own = join(keys, 'members', name)
    const text = (await readFile(join(own, 'default'), 'utf8')).replaceAll('/etc/etcd/anyward', own)
    const data = join(folder, name)
    await mkdir(data, { mode: 0o700 })
    const env = { ...process.env, ...parseEnv(text), ETCD_DATA_DIR: data }
    // On loopback each member connects from 127.0.0.1, which only the certificate of the first one has.
    env.ETCD_EXPERIMENTAL_PEER_SKIP_CLIENT_SAN_VERIFICATION = 'true'
    env.ETCD_LISTEN_METRICS_URLS = `http://${address}:2381`
    children.push(spawn('etcd', [], { env, stdio: 'ignore' }))
  }
  const pids = children.map(({ pid }) => pid)
  await untilHealthy(keys)
  await run(program('users'), [keys, endpoints.join()])
  await etcdctl(keys, 'user', 'grant-role', 'bench', 'root')
  const read = (name) => readFileSync(join(keys, 'sites/bench', name), 'utf8')
  return {
    credentials: { ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key') },
    usage: () => ({ processorMs: processorMsOf(pids), memoryMb: memoryMbOf(pids).resident }),
    counters,
    stop: async () => {
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')))
    },
  }
}

async function untilHealthy(keys) {
  const endsAtMs = performance.now() + readyWithinMs
  for (;;) {
    const { ok, text } = await etcdctl(keys, 'endpoint', 'health', '--command-timeout=2s').then(
      () => ({ ok: true }),
      (error) => ({ ok: false, text: String(error.stderr) }),
    )
    if (ok) return
    if (performance.now() > endsAtMs) throw new Error(`the cluster does not come up: ${text}`)
    await delay(100)
  }
}

function etcdctl(keys, ...argv) {
  const env = {
    ...process.env,
    ETCDCTL_API: '3',
    ETCDCTL_ENDPOINTS: endpoints.join(),
    ETCDCTL_CACERT: join(keys, 'root/ca.crt'),
    ETCDCTL_CERT: join(keys, 'root/client.crt'),
    ETCDCTL_KEY: join(keys, 'root/client.key'),
  }
  return run('etcdctl', argv, { env })
}

/** What the members have counted since they started: writes, changes for watchers, and messages and bytes with clients. */
async function counters() {
  const texts = await Promise.all(
    members.map(async ({ address }) => (await fetch(`http://${address}:2381/metrics`)).text()),
  )
  const sum = (name) => texts.reduce((total, text) => total + counterIn(text, name), 0)
  return {
    // Each member executes every write.
    writes: sum('etcd_mvcc_put_total') / members.length,
    events: sum('etcd_debugging_mvcc_events_total'),
    sent: sum('grpc_server_msg_sent_total'),
    received: sum('grpc_server_msg_received_total'),
    sentBytes: sum('etcd_network_client_grpc_sent_bytes_total'),
  }
}

/** With and without labels. */
function counterIn(text, name) {
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))]
  return values.reduce((total, [, value]) => total + Number(value), 0)
}
