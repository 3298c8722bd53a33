import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { FakePeers, renewalS } from './roster/fake-peers.mjs'
import { measureDumps, measureFake } from './roster/wg-dumps.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check, round } from './shared/report.mjs'

/** For 1,000 peers of which nothing happens. */
const BOUND = { idlePercent: 1, idleMb: 20 }
/** As src/cli/main.ts sets them. */
const controllerFlags = ['--semi-space-growth-factor=1', '--no-opt']
/** wireguard-go has no more peers than the last of these. */
const DUMPS = [1000, 10_000, 65_536]
const rows = [
  { what: '100,000 peers, 1,000 changes a second', peers: 100_000, perSecond: 1000 },
  { what: '100,000 peers, no changes', peers: 100_000, perSecond: 0 },
  { what: '1,000 peers, a handshake each two minutes', peers: 1000, perSecond: 1000 / renewalS },
]

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '90' },
    only: { type: 'string', default: '' },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['wg', 'wireguard-go', 'nft', 'perl', 'openssl', 'ip'],
  validate: () => {
    if (!/^\d{1,3}$/.test(values.seconds)) throw new Error('--seconds needs a number from 0 to 999')
  },
  measure,
  describe,
})

async function measure() {
  const { readEveryMs } = await import('../../dist/node/rescue/read-peers.js')
  // The same priority as a controller's, against what else runs on the machine.
  writeFileSync('/proc/self/autogroup', '-5')
  const folder = mkdtempSync(join(tmpdir(), 'anyward-bench-roster-'))
  try {
    const nodes = ['a/bench-a', 'b/bench-b'].flatMap((node) => ['--node', node])
    const prepare = fileURLToPath(new URL('../etcd/prepare', import.meta.url))
    await promisify(execFile)(prepare, [join(folder, 'pki'), ...nodes])
    const dumps = []
    for (const peers of DUMPS)
      dumps.push({ peers, everyMs: readEveryMs(peers), ...(await measureDumps(folder, peers)) })
    const without = await measureWithout(folder)
    const measured = []
    for (const row of rows.filter(({ what }) => what.includes(values.only))) {
      measured.push({
        ...row,
        ...(await measureRow(join(folder, `${row.peers}-${row.perSecond}`), folder, row)),
      })
    }
    const idle = measured.find(({ peers }) => peers === 1000)
    const [{ wgMs, wireguardGoMs, everyMs }] = dumps
    const checks =
      idle === undefined
        ? []
        : [
            check(
              '1,000 idle peers: of a core, with wg and wireguard-go',
              round2(idle.percent - without.percent + ((wgMs + wireguardGoMs - idle.fakeMs) / everyMs) * 100),
              BOUND.idlePercent,
              '%',
            ),
            check('1,000 idle peers: memory', round(idle.memoryMb - without.memoryMb), BOUND.idleMb, 'MB'),
          ]
    return { checks, rows: [{ what: 'without rescue', ...without }, ...measured, { what: 'wg', dumps }] }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A controller of the same code without rescue. */
async function measureWithout(folder) {
  const member = await startMember(folder, process.env.PATH, {
    manifest: { rescue: null, services: [] },
    watches: false,
  })
  await member.ask()
  await pause(20_000)
  const { cpuMs, wallMs, memoryMb } = await member.ask()
  await member.end()
  return { percent: round2((cpuMs / wallMs) * 100), memoryMb: round(memoryMb) }
}

async function measureRow(own, folder, { peers, perSecond }) {
  const fake = new FakePeers(own, peers)
  // It is part of what the node uses, in the place of wg.
  const fakeMs = round2(await measureFake(fake))
  const PATH = `${fake.programs}:${process.env.PATH}`
  const a = await startMember(own, PATH, settingsOf(folder, 'a', 'wg0'))
  const b = await startMember(own, PATH, settingsOf(folder, 'b', 'wg1'))
  let due = 0
  const changing = setInterval(() => {
    due += perSecond / 20
    fake.renew(Math.floor(due))
    due %= 1
  }, 50)
  try {
    const began = performance.now()
    while ((await b.ask()).entries < peers * 0.99) {
      if (performance.now() - began > 120_000) throw new Error('the other node has not all peers')
      await pause(100)
    }
    const firstS = round((performance.now() - began) / 1000)
    // The sets of the kernel follow.
    await pause(10_000)
    await Promise.all([a.ask(), b.ask()])
    await pause(Number(values.seconds) * 1000)
    const [from, to] = await Promise.all([a.ask(), b.ask()])
    return {
      firstS,
      fakeMs,
      load: round(loadavg()[0]),
      ...summarize(from),
      other: summarize(to),
      ...judgeDelivery(from, to),
    }
  } finally {
    clearInterval(changing)
    await Promise.all([a.end(), b.end()])
    fake.close()
  }
}

function summarize({ cpuMs, wallMs, memoryMb, longestTurnMs, entries }) {
  const percent = round2((cpuMs / wallMs) * 100)
  return { percent, memoryMb: round(memoryMb), longestTurnMs: round(longestTurnMs), entries }
}

/** From the reading of a change until the other node has it. */
function judgeDelivery(from, to) {
  const stored = new Map(from.stored)
  const times = to.stored
    .flatMap(([key, atMs]) => (stored.has(key) ? [atMs - stored.get(key)] : []))
    .sort((x, y) => x - y)
  const at = (share) => (times.length === 0 ? null : round(times[Math.floor((times.length - 1) * share)]))
  return { delivered: times.length, medianMs: at(0.5), p99Ms: at(0.99) }
}

function settingsOf(folder, site, device) {
  const ports = { a: 5180, b: 5181 }
  const other = site === 'a' ? 'b' : 'a'
  const file = (name) => join(folder, 'pki', 'nodes', `bench-${site}`, name)
  const rescue = {
    listen: { address: '127.0.0.1', port: ports[site] },
    ...{ caFile: file('ca.crt'), certFile: file('client.crt'), keyFile: file('client.key') },
    nodes: [
      { name: `bench-${other}`, site: other, address: '127.0.0.1', port: ports[other], services: ['vpn'] },
    ],
    relays: [],
  }
  const services = [
    { name: 'vpn', prefixes: [], anycast: ['192.0.2.1'], wireguard: { interface: device, port: 51_820 } },
  ]
  // One of them has NFLOG's group of this namespace.
  const manifest = {
    node: `bench-${site}`,
    site,
    services,
    rescue,
    remote: null,
    paths: { runtimeDir: folder },
  }
  return { manifest, watches: site === 'a' }
}

async function startMember(folder, PATH, settings) {
  const file = fileURLToPath(new URL('roster/member.mjs', import.meta.url))
  const child = spawn(process.execPath, [...controllerFlags, file, JSON.stringify(settings)], {
    ...{ stdio: ['pipe', 'pipe', 'inherit'], cwd: folder },
    env: { ...process.env, PATH },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('a member has ended')
    return value
  }
  await next()
  return {
    async ask() {
      child.stdin.write('\n')
      return JSON.parse(await next())
    },
    /** Its processor time then counts as that of a child. */
    async end() {
      child.stdin.end()
      await once(child, 'close')
    },
  }
}

function describe(found) {
  for (const {
    what,
    dumps,
    percent,
    memoryMb,
    longestTurnMs,
    other,
    firstS,
    p99Ms,
    medianMs,
    load,
  } of found) {
    if (dumps !== undefined) {
      for (const { peers, wgMs, wireguardGoMs, everyMs } of dumps)
        console.log(
          `      ${peers} peers: a reading takes ${round(wgMs)} ms of wg and ${round(wireguardGoMs)} ms of wireguard-go, each ${everyMs / 1000} s`,
        )
    } else if (other === undefined) console.log(`      ${what}: ${percent} % of a core, ${memoryMb} MB`)
    else {
      console.log(
        `      ${what} (load ${load}): ${percent} % of a core, ${memoryMb} MB, longest turn ${longestTurnMs} ms;`,
      )
      console.log(
        `        the other node: ${other.percent} %, ${other.memoryMb} MB, longest turn ${other.longestTurnMs} ms; all there after ${firstS} s, a change ${medianMs} ms after its reading, p99 ${p99Ms}`,
      )
    }
  }
}

function round2(value) {
  return Math.round(value * 100) / 100
}
