import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Arrivals, spacingMs, spawnIn, startUplink } from '../shared/arrivals.mjs'
import { anycast, inNamespace, kernelHasWireguard, listen, port, server, until } from '../shared/machine.mjs'

const { keyPairOf } = await import(new URL('../../../dist/node/wireguard/key.js', import.meta.url))
const downlink = fileURLToPath(new URL('downlink.mjs', import.meta.url))
let groups = 0

/**
 * `ping`: sends 20 packets a second. `nat`: so too, behind a NAT. `idle` and `idle 25`: receives 20 packets a second and
 * sends nothing, without keepalive and with one of 25 s.
 */
export const kinds = ['ping', 'nat', 'idle', 'idle 25']

/** Clients with new keys, all of them in that namespace. */
export async function startClients(lab, place, counts, folder) {
  groups += 1
  const nat = await makeNat(place)
  const publicKey = await serverKey(lab)
  const wanted = kinds.flatMap((kind) => Array.from({ length: counts[kind] ?? 0 }, () => kind))
  const clients = []
  for (const [index, kind] of wanted.entries()) {
    const namespace = kind === 'nat' ? nat : place
    clients.push(await startClient({ lab, namespace, kind, index, publicKey, folder }))
  }
  const idle = clients.filter(({ kind }) => kind.startsWith('idle'))
  const receiver = idle.length === 0 ? null : startReceiver(place, idle)
  const senders = idle.length === 0 ? [] : lab.nodes.map((node) => startSender(node.namespace, idle))
  await until('all clients are served', () => clients.every((client) => client.isServed()))
  return {
    clients,
    /** The nodes but this one have never had a session of them, as with a client that comes from another region. */
    async forgetExcept(node) {
      await Promise.all(lab.nodes.filter(({ name }) => name !== node).map((one) => setPeers(one, clients)))
    },
    async stop() {
      receiver?.kill('SIGKILL')
      for (const one of senders) one.kill('SIGKILL')
      for (const client of clients) await client.stop()
      for (const node of lab.nodes) await setPeers(node, clients, { removed: true })
      await promisify(execFile)('ip', ['netns', 'delete', nat])
    },
  }
}

export async function setPeers({ namespace, wireguardInterface }, peers, { removed = false } = {}) {
  const words = peers.flatMap(({ publicKey, inner }) => [
    ...['peer', publicKey, 'remove'],
    ...(removed ? [] : ['peer', publicKey, 'allowed-ips', `${inner}/32`]),
  ])
  for (let at = 0; at < words.length; at += 7 * 256)
    await inNamespace(namespace, 'wg', 'set', wireguardInterface, ...words.slice(at, at + 7 * 256))
}

export async function serverKey({ nodes: [node] }) {
  const show = await inNamespace(node.namespace, 'wg', 'show', node.wireguardInterface, 'public-key')
  return show.stdout.trim()
}

async function startClient({ lab, namespace, kind, index, publicKey: serverPublicKey, folder }) {
  const secret = randomBytes(32)
  const publicKey = keyPairOf(secret).publicKey.toString('base64')
  const name = `awb${index}x${process.pid}`
  const inner = `10.80.7.${index + 1}`
  const client = { publicKey, inner }
  for (const node of lab.nodes) await setPeers(node, [client])
  const run = (...argv) => inNamespace(namespace, ...argv)
  const go = kernelHasWireguard ? null : spawnIn(namespace, 'ignore', 'wireguard-go', '--foreground', name)
  if (go === null) await run('ip', 'link', 'add', name, 'type', 'wireguard')
  else await until(`${name} is there`, () => isThere(namespace, name))
  const file = join(folder, `${name}.key`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, secret.toString('base64'), { mode: 0o600 })
  // Not that of a client before, which is in the rosters for three minutes.
  const listenPort = String(40_000 + 100 * groups + index)
  const peer = ['peer', serverPublicKey, 'endpoint', `${anycast}:${port}`, 'allowed-ips', `${server}/32`]
  if (kind === 'idle 25') peer.push('persistent-keepalive', '25')
  await run('wg', 'set', name, 'listen-port', listenPort, 'private-key', file, ...peer)
  rmSync(file)
  await run('ip', 'address', 'add', `${inner}/32`, 'dev', name)
  await run('ip', 'link', 'set', name, 'up')
  await run('ip', 'route', 'add', '10.80.0.0/16', 'dev', name, 'metric', String(1000 + index))
  const arrivals = new Arrivals()
  const isIdle = kind.startsWith('idle')
  const pingOnce = () =>
    run('ping', '-n', '-c', '1', '-W', '1', '-I', name, server).then(
      () => true,
      () => false,
    )
  // An idle client begins its session with one packet, or with more where it is lost.
  if (isIdle) await until('an idle client has a session', pingOnce)
  const ping = isIdle ? null : startUplink(namespace, name, server, arrivals)
  return {
    ...client,
    kind,
    port: Number(listenPort),
    isServed: () => arrivals.isServed(),
    hear: (atMs) => arrivals.add({ atMs }),
    darkSince: (since, limitMs) => arrivals.darkSince(since, limitMs, isIdle ? longestGap : undefined),
    /** An idle client sends something, so that the node has a session with it that is younger than that. */
    async returnTo(node, sinceMs) {
      if (!isIdle) return
      const since = Math.floor(sinceMs / 1000)
      await until('an idle client has a session at the first site', async () => {
        await pingOnce()
        const words = ['wg', 'show', node.wireguardInterface, 'latest-handshakes']
        const { stdout } = await inNamespace(node.namespace, ...words)
        const line = stdout.split('\n').find((one) => one.startsWith(publicKey))
        return Number(line?.split('\t')[1]) >= since
      })
    },
    async stop() {
      ping?.kill('SIGKILL')
      if (go === null) await run('ip', 'link', 'delete', name)
      else {
        go.kill('SIGTERM')
        await until(`${name} is gone`, async () => !(await isThere(namespace, name)))
      }
    },
  }
}

/** Without sequence numbers: a gap counts that is wider than two packets. */
function longestGap(all, since) {
  let dark = 0
  for (let at = 1; at < all.length; at += 1) {
    const [before, after] = [all[at - 1].atMs, all[at].atMs]
    if (after < since || after - before < 2.5 * spacingMs) continue
    dark = Math.max(dark, after - Math.max(since, before))
  }
  return dark
}

/** A namespace behind the client's, which translates its source. */
async function makeNat(place) {
  // The kernel removes the links of a namespace some time after the namespace.
  const nat = `awb-nat-${groups}`
  const outside = `awb-out-${groups}`
  const ip = (...words) => promisify(execFile)('ip', words)
  await ip('netns', 'add', nat)
  await ip('-n', nat, 'link', 'set', 'lo', 'up')
  await ip('-n', nat, 'link', 'add', 'awbin', 'type', 'veth', 'peer', 'name', outside, 'netns', place)
  await ip('-n', nat, 'address', 'add', '100.64.9.2/30', 'dev', 'awbin')
  await ip('-n', place, 'address', 'add', '100.64.9.1/30', 'dev', outside)
  await ip('-n', nat, 'link', 'set', 'awbin', 'up')
  await ip('-n', place, 'link', 'set', outside, 'up')
  await ip('-n', nat, 'route', 'add', 'default', 'via', '100.64.9.1')
  await inNamespace(place, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
  const rules = `add table ip awbench
delete table ip awbench
table ip awbench {
  chain out {
    type nat hook postrouting priority 100;
    ip saddr 100.64.9.2 masquerade
  }
}
`
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', place, 'nft', '-f', '-'], { input: rules })
  if (status !== 0) throw new Error(`nft: ${stderr}`)
  return nat
}

function startReceiver(namespace, clients) {
  const addresses = clients.map(({ inner }) => inner)
  const child = spawnIn(namespace, 'pipe', process.execPath, downlink, 'receive', ...addresses)
  listen(child.stdout, (line) => {
    const [at, stamp] = line.split(' ')
    clients[Number(at)].hear(Number(stamp))
  })
  return child
}

function startSender(namespace, clients) {
  const addresses = clients.map(({ inner }) => inner)
  return spawnIn(namespace, 'ignore', process.execPath, downlink, 'send', ...addresses)
}

function isThere(namespace, name) {
  return inNamespace(namespace, 'wg', 'show', name, 'public-key').then(
    () => true,
    () => false,
  )
}
