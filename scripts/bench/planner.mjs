import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { check, processorMs, round, runBench } from './shared/report.mjs'

const SITES = 1000
const NEIGHBORS = 4
const BOUNDS = { readMs: 3000, planMs: 3000, peakMb: 600, growth: 12 }

const fleetYaml = `asn: 64500
bogons: { allow: [192.0.2.0/24, "2001:db8::/32"] }
services:
  vpn:
    anycast: [192.0.2.1/32, "2001:db8:51::1/128"]
    covering: [192.0.2.0/24, "2001:db8:51::/48"]
    wireguard:
      interface: wg0
      port: 51820
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [10.80.0.1/16]
    probe: { privateKeyFile: /etc/anyward/probe.key, address: 10.80.255.254 }
rpki:
  caches: [{ host: 127.0.0.1, port: 3323 }, { host: 127.0.0.1, port: 3325 }]
`

await runBench({ file: fileURLToPath(import.meta.url), prepare, measure, judge, describe })

async function* prepare(folder) {
  for (const sites of [SITES, SITES * 10]) {
    const what = join(folder, String(sites))
    await writeFleet(what, sites)
    yield { what, sites, neighbors: sites * NEIGHBORS }
  }
}

function judge([once, tenfold]) {
  return [
    check(`read and check the YAML of ${SITES} sites`, once.loadMs, BOUNDS.readMs, 'ms'),
    check('plan and render them', round(once.planMs + once.renderMs), BOUNDS.planMs, 'ms'),
    check('peak memory of all that', once.peakMb, BOUNDS.peakMb, 'MB'),
    check('all that, 10 times the sites', round(tenfold.totalMs / once.totalMs), BOUNDS.growth, 'x'),
  ]
}

function describe({ sites, neighbors, loadMs, planMs, renderMs, wallMs, peakMb, textMb }) {
  return `${sites} sites, ${neighbors} neighbors: load and check ${loadMs} ms, plan ${planMs} ms, render ${renderMs} ms of processor time; ${wallMs} ms by the clock; ${textMb} MB of text, ${peakMb} MB`
}

/** In processor time, user's and system's of all threads: what one core would take, whoever else is on the machine. */
async function measure(dir) {
  const [{ requireFleet }, { compilePlan }, { debianLayout }, { createRenderer }, { loadTemplates }, write] =
    await Promise.all([
      import('../../dist/sites/load.js'),
      import('../../dist/planner/compile.js'),
      import('../../dist/planner/layout.js'),
      import('../../dist/render/render.js'),
      import('../../dist/bundle/templates.js'),
      import('../../dist/bundle/write.js'),
    ])
  let before = processorMs()
  const lap = () => {
    const since = before
    before = processorMs()
    return round(before - since)
  }
  const start = performance.now()
  const fleet = await requireFleet(dir)
  const loadMs = lap()
  const plan = compilePlan(fleet, (_site, node) => debianLayout(fleet, node))
  const planMs = lap()
  const render = createRenderer(await loadTemplates())
  const bundles = plan.nodes.map((node) => write.renderBundle(render, node))
  const renderMs = lap()
  const wallMs = round(performance.now() - start)
  return {
    loadMs,
    planMs,
    renderMs,
    totalMs: round(loadMs + planMs + renderMs),
    wallMs,
    peakMb: round((process.resourceUsage().maxRSS * 1024) / 1e6),
    textMb: round(bundles.flat().reduce((sum, { content }) => sum + content.length, 0) / 1e6),
  }
}

/** BIRD and FRR in turn; each node has a transit in both families, a peer and a rack switch. */
async function writeFleet(dir, sites) {
  await mkdir(dir)
  await writeFile(join(dir, 'fleet.yaml'), fleetYaml)
  for (let site = 0; site < sites; site += 1) {
    await writeFile(join(dir, `s${site}.yaml`), siteYaml(site))
  }
}

function siteYaml(site) {
  const net = `${1 + Math.floor(site / 250)}.${site % 250}`
  const hex = (site + 1).toString(16)
  return `site: s${site}
nodes:
  - name: n${site}
    daemon: ${site % 2 === 0 ? 'bird' : 'frr'}
    routerId: 10.200.${Math.floor(site / 250)}.${1 + (site % 250)}
    services: [vpn]
    neighbors:
      - name: transit
        kind: transit
        asn: ${100_000 + site}
        address: 10.${net}.1
        localAddress: 10.${net}.2
        passwordFile: /etc/anyward/transit.password
      - name: transit-v6
        kind: transit
        asn: ${100_000 + site}
        address: 2001:db8:${hex}::1
        localAddress: 2001:db8:${hex}::2
      - { name: peer, kind: peer, asn: ${200_000 + site}, address: 10.${net}.5, localAddress: 10.${net}.6 }
      - name: tor
        kind: tor
        asn: 65100
        address: 10.${net}.9
        localAddress: 10.${net}.10
        import: default-only
        bfd: { interval: 100ms, multiplier: 3 }
`
}
