import { statSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { check, round, runBench, runCommand } from './shared/report.mjs'

const SITES = 1000
const NEIGHBORS = 4
const BOUNDS = { firstMs: 3000, secondMs: 3000, peakMb: 600, growth: 10 }

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
    check(`plan ${SITES} sites: read, render, write`, once.firstMs, BOUNDS.firstMs, 'ms'),
    check('the same again, nothing to write', once.secondMs, BOUNDS.secondMs, 'ms'),
    check('peak memory of that', once.peakMb, BOUNDS.peakMb, 'MB'),
    check('10 times the sites', round(tenfold.firstMs / once.firstMs), BOUNDS.growth, 'x'),
    check('10 times the sites, again', round(tenfold.secondMs / once.secondMs), BOUNDS.growth, 'x'),
  ]
}

function describe({ sites, neighbors, firstMs, firstWallMs, secondMs, secondWallMs, textMb, peakMb }) {
  return `${sites} sites, ${neighbors} neighbors: ${firstMs} ms of processor time (${firstWallMs} ms by the clock), again ${secondMs} ms (${secondWallMs} ms); ${textMb} MB of text, ${peakMb} MB`
}

/**
 * `anyward plan` as a user runs it, into an empty folder and then again. In processor time, user and system of all
 * threads, which does not depend on other load.
 */
async function measure(dir) {
  const out = `${dir}-out`
  const first = runPlan(dir, out)
  const second = runPlan(dir, out)
  const textBytes = await countBytes(out)
  await rm(out, { recursive: true })
  return {
    firstMs: first.processorMs,
    firstWallMs: first.wallMs,
    secondMs: second.processorMs,
    secondWallMs: second.wallMs,
    textMb: round(textBytes / 1e6),
    peakMb: first.peakMb,
  }
}

function runPlan(dir, out) {
  const args = ['plan', '--sites', dir, '--out', out, '--no-check', '--state', `${dir}-state`]
  const { status, ...usage } = runCommand(args)
  if (status !== 0) throw new Error(`anyward plan ended with ${status}`)
  return usage
}

async function countBytes(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).size)
  return sizes.reduce((sum, size) => sum + size, 0)
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
