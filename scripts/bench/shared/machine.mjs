import { execFile, spawn, spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const anycast = '192.0.2.1'
export const port = 51_820
/** The server in the tunnel. */
export const server = '10.80.0.1'
const capture = fileURLToPath(new URL('../rescue/capture.pl', import.meta.url))

export const kernelHasWireguard =
  spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'wgcheck', 'type', 'wireguard']).status === 0

export function inNamespace(namespace, ...argv) {
  return promisify(execFile)('ip', ['netns', 'exec', namespace, ...argv], { maxBuffer: 2 ** 26 })
}

/** Calls back with each line. */
export function listen(stream, hear) {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      hear(text.slice(0, end))
      text = text.slice(end + 1)
    }
  })
}

/** The site that clients leave: its node, the router beside it, and the lab's client there. */
export function firstSite(lab) {
  const node = lab.nodes.find(({ site }) => site === 'oslo')
  const tor = lab.neighbors.find(({ sessions }) => sessions.some((session) => session.node === node.name))
  return { node, tor, client: lab.clients.find(({ site }) => site === node.site) }
}

/** The UDP port of a WireGuard interface of the lab. */
export async function listenPortOf({ namespace, interface: name }) {
  const { stdout } = await inNamespace(namespace, 'wg', 'show', name, 'listen-port')
  return Number(stdout)
}

/** Makes the link of the first site's clients worse, in each direction. @param netem the words of `tc`'s netem */
export async function shapeClientLink(lab, netem) {
  const { tor, client } = firstSite(lab)
  const { stdout } = await inNamespace(tor.namespace, 'ip', '-o', 'link', 'show', 'type', 'veth')
  const [, gateway] = / (cl\d+)@/.exec(stdout)
  const ends = [
    [client.namespace, 'wan0'],
    [tor.namespace, gateway],
  ]
  for (const [namespace, link] of ends)
    await inNamespace(namespace, 'tc', 'qdisc', 'add', 'dev', link, 'root', 'netem', ...netem)
}

/** The initiations that reach this namespace from the anycast address. */
export function captureInitiations(namespace) {
  const seen = []
  const child = spawn('ip', ['netns', 'exec', namespace, 'perl', capture], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const started = new Promise((resolve) => {
    listen(child.stdout, (line) => {
      if (line === 'started') return resolve()
      const [stamp, to] = line.split(' ').map(Number)
      seen.push({ atMs: stamp, port: to })
    })
  })
  return { seen, started, stop: () => child.kill('SIGKILL') }
}

/** The route of a router to the anycast address, as the kernel changes it. */
export function watchRoute(namespace) {
  let movedAt = 0
  const child = spawn('ip', ['-n', namespace, '-tshort', 'monitor', 'route'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  listen(child.stdout, (line) => {
    const [, stamp] = /^\[([^\]]+)\].*\b192\.0\.2\.1 /.exec(line) ?? []
    if (stamp !== undefined) movedAt = Date.parse(`${stamp.slice(0, 23)}Z`)
  })
  return {
    get movedAt() {
      return movedAt
    },
    untilMoved: (since) => until('the route moves', () => movedAt >= since),
    stop: () => child.kill('SIGKILL'),
  }
}

/** The samples of one metric of a node, by its labels. */
export async function readMetric(node, name) {
  const text = await (await fetch(new URL('/metrics', node.statusUrl))).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines.map((line) => {
    const at = line.lastIndexOf(' ')
    return { labels: line.slice(name.length, at), value: Number(line.slice(at + 1)) }
  })
}

/** Waits until every other node looks for packets of these ports. */
export function untilWatched(lab, node, ports) {
  const others = lab.nodes.filter(({ name }) => name !== node.name)
  return until('the other nodes look for packets of the clients', async () => {
    const lists = await Promise.all(
      others.map(({ namespace }) =>
        inNamespace(namespace, 'nft', 'list', 'set', 'inet', 'anyward_rescue', 'roster_ip_0').catch(() => ({
          stdout: '',
        })),
      ),
    )
    return lists.every(({ stdout }) => ports.every((one) => stdout.includes(` . ${one}`)))
  })
}

/** Waits until every other node has so many peers of this one in its roster. */
export function untilRoster(lab, node, count) {
  const others = lab.nodes.filter(({ name }) => name !== node.name)
  return until(`the rosters have ${count} peers of ${node.name}`, async () => {
    const counts = await Promise.all(others.map((one) => readMetric(one, 'anyward_roster_entries')))
    return counts.every((samples) =>
      samples.some(({ labels, value }) => labels.includes(`"${node.name}"`) && value >= count),
    )
  })
}

export async function until(what, isSo, limitMs = 60_000) {
  const endsAt = Date.now() + limitMs
  while (!(await isSo())) {
    if (Date.now() > endsAt) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await pause(10)
  }
}
