import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type FleetStatus, fleetStatusSchema } from '../../../src/control/fleet-status.ts'
import type { NodeStatus } from '../../../src/control/status.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import type { Finding } from '../../../src/node/doctor/check.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'
import { cli, inside, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'
import { servesBothFamilies } from '../fixtures/wireguard/server.ts'

/** lon1 is probed over IPv6. */
const sites = 'test/e2e/fleet/watched-sites'
const lon1Address = '2001:db8:30::3'

describe('four sites, one of them over IPv6 if wireguard-go can, whose probes have preshared keys', () => {
  let ams1: LabNode
  let fra1: LabNode
  let lon1: LabNode
  let nyc1: LabNode
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'anyward-remote-'))
    await cp(sites, folder, { recursive: true })
    if (!servesBothFamilies) await edit(join(folder, 'lon1.yaml'), lon1Address, '198.51.100.3')
    ;[ams1, fra1, lon1, nyc1] = (await labUp(folder, '--store')).nodes as [LabNode, LabNode, LabNode, LabNode]
    await rm(folder, { recursive: true })
  }, patience(180_000))
  afterAll(labDown, patience(60_000))

  test('failure 26: a node whose own probe is good, and that no other site reaches, is shown as out of reach', {
    timeout: patience(120_000),
  }, async () => {
    await untilSeen(ams1, { sites: 3, failing: 0 }, 4)
    expect((await anyward(ams1, 'status', '--fleet')).exitCode).toBe(0)

    // On a busy machine there are some from when the lab comes up.
    const before = await remoteEvents(lon1)
    await cutOff(lon1)
    await untilSeen(ams1, { sites: 3, failing: 3 }, 1)
    const fleet = await anyward(ams1, 'status', '--fleet')
    expect(fleet.stdout).toContain(
      '! vpn of lon1-a at lon1 is out of reach: 3 of 3 sites that probe it do not reach it, although its own probe is good',
    )
    expect(fleet.stdout).toMatch(/^! {2}lon1 {2}lon1-a .*healthy {2}announce/m)
    expect(fleet.exitCode).toBe(1)
    const own = await until(
      'it knows itself',
      () => anyward(lon1, 'status'),
      ({ stdout }) => stdout.includes('OUT OF REACH: 3 of 3 sites that probe it do not reach it'),
    )
    expect(own.exitCode).toBe(1)
    expect(await metricsOf(lon1)).toContain('anyward_remote_unreachable{service="vpn"} 1')
    expect(await metricsOf(ams1)).toContain(
      'anyward_remote_reached{service="vpn",site="lon1",node="lon1-a"} 0',
    )

    await restore(lon1)
    await untilSeen(ams1, { sites: 3, failing: 0 }, 4)
    await until(
      'it is well again',
      () => anyward(lon1, 'status'),
      ({ exitCode }) => exitCode === 0,
    )
    // One when it is out of reach and one when it is not any more; with handshakes that a busy machine delays, more of both.
    const events = (await remoteEvents(lon1)) - before
    expect(events).toBeGreaterThan(0)
    expect(events % 2).toBe(0)
  })

  test('failure 27: one observer that says what is not so puts no node out of reach', {
    timeout: patience(60_000),
  }, async () => {
    // What it says is all that the others have of it: here it is the only one that does not reach lon1.
    const from = servesBothFamilies
      ? 'ip6 saddr 2001:2:0:ffff::3'
      : `ip saddr ${new URL(lon1.statusUrl).hostname}`
    await block(nyc1, `${from} udp sport 51820`)
    await untilSeen(ams1, { sites: 3, failing: 1 }, 1)
    const { stdout, exitCode } = await anyward(ams1, 'status', '--fleet')
    expect(stdout).not.toContain('out of reach')
    expect(exitCode).toBe(0)
    await restore(nyc1)
    await untilSeen(ams1, { sites: 3, failing: 0 }, 4)
  })

  test('failure 28: an observer that reaches none of its targets does not count', {
    timeout: patience(60_000),
  }, async () => {
    await block(nyc1, 'iifname mgmt0 udp sport 51820')
    // It probes all three others.
    await untilSeen(ams1, { sites: 2, failing: 0 }, 3)
    expect((await anyward(ams1, 'status', '--fleet')).exitCode).toBe(0)
    await restore(nyc1)
    await untilSeen(ams1, { sites: 3, failing: 0 }, 4)
  })

  test('failure 29: a node that lacks the peers of its observers is out of reach, and doctor there says why', {
    timeout: patience(180_000),
  }, async () => {
    expect(await findPeers(lon1)).toEqual([])
    const { remote, services } = JSON.parse(
      await readFile(join(lon1.bundle, 'manifest.json'), 'utf8'),
    ) as Manifest
    const { observers } = remote!
    expect(observers.map(({ node }) => node).sort()).toEqual([ams1.name, fra1.name, nyc1.name])
    for (const { publicKey } of observers)
      await inside(lon1, 'wg', ['set', lon1.wireguardInterface, 'peer', publicKey!, 'remove'])
    await untilSeen(ams1, { sites: 3, failing: 3 }, 1)

    const found = await findPeers(lon1)
    expect(found.map(({ severity, message }) => ({ severity, message }))).toEqual(
      observers.map(({ node, site, publicKey }) => ({
        severity: 'warning',
        message: `${lon1.wireguardInterface} has no peer for the probe of ${node} at ${site} (${publicKey}), which then does not reach vpn`,
      })),
    )
    const cure = async (finding: Finding) => {
      const text = finding.cure.replace('FILE', services[0]!.probe.presharedKeyFile!)
      const [command] = /wg set .*/.exec(text) ?? []
      await inside(lon1, 'sh', ['-c', command!])
    }
    for (const finding of found) await cure(finding)
    expect(await findPeers(lon1)).toEqual([])

    const { publicKey } = observers[0]!
    await inside(lon1, 'wg', [
      ...['set', lon1.wireguardInterface, 'peer', publicKey!, 'allowed-ips', '10.80.9.9/32'],
    ])
    const [open] = await findPeers(lon1)
    expect(open?.message).toMatch(/accepts packets from 10\.80\.9\.9\/32 of the probe of /)
    await cure(open!)
    expect(await findPeers(lon1)).toEqual([])
    await untilSeen(ams1, { sites: 3, failing: 0 }, 4)
  })
})

test('failure 26: with `degrade`, which a rollout brings, neighbors get degraded routes, unless too few other sites are well', {
  timeout: patience(300_000),
}, async () => {
  onTestFinished(labDown, patience(60_000))
  const lab = await rollOutDegrade()
  const [ams1, fra1, lon1] = lab.nodes as [LabNode, LabNode, LabNode]
  await untilSeen(ams1, { sites: 3, failing: 0 }, 4)
  expect(await readDegraded(lab, lon1)).toEqual([])

  await cutOff(lon1)
  await untilDecided(lon1, 'degrade')
  await until(
    'the neighbor of lon1 has its routes degraded',
    () => readDegraded(lab, lon1),
    (degraded) => degraded.join() === '192.0.2.0/24,192.0.2.1/32',
  )
  const { permits } = await readFleet(ams1)
  expect(permits).toMatchObject([{ node: 'lon1-a', cause: 'permit', reason: 'out-of-reach' }])

  // Only ams1 and nyc1 would be left, and minSites is 3.
  await cutOff(fra1)
  const { detail } = await untilDecided(fra1, 'announce')
  expect(detail).toBe(
    '3 of 3 sites that probe it do not reach it; not degraded: 2 other sites are well, and minSites is 3',
  )
  expect(await readDegraded(lab, fra1)).toEqual([])

  await restore(lon1)
  await until(
    'the neighbor of lon1 has its routes as before',
    () => readDegraded(lab, lon1),
    (degraded) => degraded.length === 0,
  )
  // Now lon1 is well, and fra1 may go.
  await untilDecided(fra1, 'degrade')
  await restore(fra1)
  await until(
    'all is well, and no register has a node',
    () => anyward(ams1, 'status', '--fleet'),
    ({ exitCode }) => exitCode === 0,
  )
  for (const node of lab.nodes) expect(await readDegraded(lab, node)).toEqual([])
})

test('doctor warns of a wireguard-go that cannot serve both families', {
  timeout: patience(240_000),
}, async () => {
  onTestFinished(labDown, patience(60_000))
  const [ams1, , lon1] = (await labUp(sites, '--store')).nodes as [LabNode, LabNode, LabNode]
  const find = async (node: LabNode) => {
    const { findings } = await examine(node)
    return findings.filter(({ check }) => check === 'both-families').map(({ severity }) => severity)
  }
  await until(
    'the other nodes are peers of lon1 with their endpoints',
    () => find(lon1),
    (found) => found.length === (servesBothFamilies ? 0 : 1),
  )
  expect(await find(ams1)).toEqual([])
})

/** Because other sites do not reach it. */
async function untilDecided(node: LabNode, decision: 'announce' | 'degrade') {
  return until(
    `${node.name}: ${decision}, out-of-reach`,
    async () => {
      const { services } = (await (await fetch(node.statusUrl)).json()) as NodeStatus
      return services[0]!
    },
    (vpn) => vpn.decision === decision && vpn.reason === 'out-of-reach' && vpn.health === 'healthy',
  )
}

/** Into a lab that runs without probes between sites. */
async function rollOutDegrade(): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'anyward-remote-'))
  try {
    await cp(sites, folder, { recursive: true })
    const fleet = join(folder, 'fleet.yaml')
    if (!servesBothFamilies) await edit(join(folder, 'lon1.yaml'), lon1Address, '198.51.100.3')
    await edit(fleet, 'remote: { interval: 1s }\n', '')
    const lab = await labUp(folder, '--store')
    await edit(fleet, '\nservices:', '\nremote: { interval: 1s, degrade: true }\nservices:')
    const argv = [cli, 'lab', 'rollout', 'start', '--soak', '1s']
    const { exitCode, all } = await execa(process.execPath, argv, { reject: false, all: true })
    expect(exitCode, all).toBe(0)
    return lab
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Our prefixes that the neighbor of a node has as degraded routes. */
async function readDegraded(lab: Lab, node: LabNode): Promise<string[]> {
  const [found] = lab.neighbors.flatMap(({ controlSocket, sessions }) =>
    sessions
      .filter((session) => session.node === node.name)
      .map(({ protocol }) => ({ controlSocket, protocol })),
  )
  const client = new BirdClient({ socketPath: found!.controlSocket, deadlineMs: patience(5000) })
  try {
    const reply = await client.send(`show route where (65535,0) ~ bgp_community protocol ${found!.protocol}`)
    return reply.lines.flatMap(({ text }) => /^(\S+\/\d+)\s/.exec(text)?.[1] ?? []).sort()
  } finally {
    client.close()
  }
}

async function edit(file: string, from: string, to: string) {
  const text = await readFile(file, 'utf8')
  expect(text).toContain(from)
  await writeFile(file, text.replace(from, to))
}

function restore(node: LabNode) {
  return inside(node, 'nft', ['delete', 'table', 'inet', 'cut'])
}

/** Its own probe, which uses the anycast address, does not notice. */
async function remoteEvents(node: LabNode): Promise<number> {
  const { stdout } = await anyward(node, 'events', '--json')
  return stdout.match(/"event": "remote"/g)?.length ?? 0
}

function cutOff(node: LabNode) {
  return block(node, 'iifname mgmt0 udp dport 51820')
}

function block(node: LabNode, match: string) {
  return inside(node, 'nft', [
    `table inet cut { chain input { type filter hook input priority 0; ${match} drop; }; }`,
  ])
}

/** What doctor finds of the peers for observers. */
async function findPeers(node: LabNode): Promise<Finding[]> {
  const { findings } = await examine(node)
  return findings.filter(({ check }) => check === 'observer-peers')
}

async function examine(node: LabNode) {
  const { stdout } = await anyward(node, 'doctor', '--json')
  return JSON.parse(stdout) as { findings: Finding[] }
}

async function anyward(node: LabNode, ...words: string[]) {
  const argv = [cli, ...words, '--node', node.name]
  const { stdout, exitCode } = await execa(process.execPath, argv, { reject: false })
  return { stdout, exitCode }
}

async function readFleet(node: LabNode): Promise<FleetStatus> {
  const { stdout } = await anyward(node, 'status', '--fleet', '--json')
  return fleetStatusSchema.parse(JSON.parse(stdout))
}

/** @param count of nodes that other sites see so */
function untilSeen(node: LabNode, view: { sites: number; failing: number }, count: number) {
  return until(
    `${count} nodes are seen as ${JSON.stringify(view)}`,
    () => readFleet(node),
    ({ nodes }) =>
      nodes.filter(
        ({ services: [vpn] }) => vpn?.remote?.sites === view.sites && vpn.remote.failing === view.failing,
      ).length === count,
  )
}

async function metricsOf(node: LabNode): Promise<string> {
  return (await fetch(node.statusUrl.replace('/status', '/metrics'))).text()
}
