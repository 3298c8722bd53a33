import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const { findOutage, parsePingLog } = await import(
  new URL('../../../dist/lab/scenario/ping-log.js', import.meta.url)
)
const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const run = promisify(execFile)
const anycast = '192.0.2.1'
const limitMs = 60_000

/**
 * Moves the client of the first site away and back, again and again.
 * @returns for each round, how long the client was dark on the way to the other site and back: from the moment that its route moved,
 *   and for a drain in all
 */
export async function measureChanges(lab, what, rounds) {
  const node = lab.nodes.find(({ site }) => site === 'oslo')
  const tor = lab.neighbors.find(({ sessions }) => sessions.some((session) => session.node === node.name))
  const client = startClient(lab.clients.find(({ name }) => name.includes('oslo')))
  const routes = watchRoute(tor.namespace)
  const times = { gone: [], back: [] }
  try {
    await client.untilServed(0)
    for (let round = 0; round < rounds; round += 1) {
      // The roster has the client's last handshake; the limiter of flapping clients forgets it after 180 s.
      await pause(3000 + Math.random() * 200)
      const { strike, repair } = faultOf(what, node, tor)
      const away = Date.now()
      await strike()
      await routes.untilMoved(away)
      times.gone.push(await client.darkSince(what === 'drain' ? away : routes.movedAt))
      await pause(2000)
      const back = Date.now()
      await repair()
      await routes.untilMoved(back)
      times.back.push(await client.darkSince(routes.movedAt))
    }
  } finally {
    client.stop()
    routes.stop()
  }
  return times
}

function faultOf(what, node, tor) {
  const inNode = (...argv) => run('ip', ['netns', 'exec', node.namespace, ...argv])
  const order = (word) => run(process.execPath, [cli, word, '--node', node.name])
  const route = async (verb) => {
    const { stdout } = await run('ip', ['-n', tor.namespace, '-o', '-4', 'addr', 'show', 'dev', 'core0'])
    const [, core] = / peer ([\d.]+)/.exec(stdout)
    await run('ip', [
      '-n',
      tor.namespace,
      'route',
      verb,
      `${anycast}/32`,
      'via',
      core,
      'dev',
      'core0',
      'metric',
      '1',
    ])
  }
  switch (what) {
    case 'dead':
      return {
        strike: () => inNode('ip', 'link', 'set', node.wireguardInterface, 'down'),
        repair: () => inNode('ip', 'link', 'set', node.wireguardInterface, 'up'),
      }
    case 'drain':
      return { strike: () => order('drain'), repair: () => order('undrain') }
    case 'silent':
      return { strike: () => route('add'), repair: () => route('delete') }
    default:
      throw new Error(`--rows: unknown ${what}`)
  }
}

/** The route of the client's router to the anycast address, as the kernel changes it. */
function watchRoute(namespace) {
  let movedAt = 0
  const child = spawn('ip', ['-n', namespace, '-tshort', 'monitor', 'route'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      const [, stamp] = /^\[([^\]]+)\].*\b192\.0\.2\.1 /.exec(line) ?? []
      if (stamp !== undefined) movedAt = Date.parse(`${stamp.slice(0, 23)}Z`)
    }
  })
  return {
    get movedAt() {
      return movedAt
    },
    untilMoved: (since) => until('the route moves', () => movedAt >= since),
    stop: () => child.kill('SIGKILL'),
  }
}

function startClient({ namespace }) {
  let text = ''
  const argv = ['netns', 'exec', namespace, 'ping', '-n', '-D', '-O', '-i', '0.05', '10.80.0.1']
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  const replies = () => parsePingLog(text)
  const untilServed = (since) =>
    until('the client is served', () => {
      const last = replies().at(-1)?.atMs ?? 0
      return last > since && Date.now() - last < 150
    })
  return {
    untilServed,
    /** The time from then to the first reply after a gap; 0: no packet was lost. */
    async darkSince(since) {
      await pause(400)
      await untilServed(since + 300)
      const all = replies().filter(({ atMs }) => atMs > since - 5000)
      const outage = findOutage(all, since)
      if (outage === null) return 0
      const end = all.findIndex(({ atMs }, at) => at > 0 && atMs - all[at - 1].atMs === outage.durationMs)
      return Math.max(0, all[end].atMs - Math.max(since, all[end - 1].atMs))
    },
    stop: () => child.kill('SIGKILL'),
  }
}

async function until(what, isSo) {
  const endsAt = Date.now() + limitMs
  while (!isSo()) {
    if (Date.now() > endsAt) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await pause(10)
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
