import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import type { Finding } from '../../../src/node/doctor/check.ts'
import { patience } from '../../patience.ts'
import { cli, inside, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

let lab: Lab
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doctor-attached-'))
  lab = await labUp('test/e2e/adopters/attached')
}, patience(180_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

/**
 * The findings that are no remark about what this machine lacks, such as systemd; and without what the controller says of
 * the consequences, which follow a fault or its repair later.
 */
async function problems(node: LabNode): Promise<{ exitCode: number | undefined; found: Finding[] }> {
  const command = [process.execPath, cli, 'doctor', '--json', '--bundle', node.bundle]
  const { exitCode, stdout } = await execa('ip', ['netns', 'exec', node.namespace, ...command], {
    reject: false,
  })
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  return {
    exitCode,
    found: findings.filter(({ severity, check }) => severity !== 'info' && check !== 'controller'),
  }
}

/** The same for each daemon: what is taken from the engineer's configuration, and what doctor says of it. */
const faults = {
  bird: {
    remove: (config: string) =>
      config
        .replace(/^include .*announce.*$/m, '')
        .replace(/^include .*anyward\.con.*$/m, 'function aw_oslo_transit_in() { return true; }')
        .replaceAll(/aw_oslo_\w+_out\(\)/g, 'true')
        .replace(/^protocol bgp tor_1 \{[\s\S]*?^\}/m, ''),
    expected: [
      [
        'error',
        'include',
        /bird\.conf does not include .*announce\.conf: nothing is announced/,
        /^add the line include ".*announce\.con\[f\]"; outside of all blocks/,
      ],
      [
        'warning',
        'include',
        /does not include .*anyward\.conf: no neighbor gets a degraded/,
        /^add include "/,
      ],
      [
        'error',
        'sessions',
        /BIRD has no session with oslo-tor \(BIRD has no BGP protocol with the address 10\.1\.2\.1\)/,
        /add it to your own configuration/,
      ],
    ],
  },
  frr: {
    remove: (config: string) =>
      config
        .replaceAll(/^ +neighbor 10\.2\.2\.1 .*\n/gm, '')
        .replaceAll(/^route-map aw_rome_transit-out [\s\S]*?^(?=route-map aw_rome_tor|!\n)/gm, ''),
    expected: [
      [
        'error',
        'include',
        /frr\.conf uses the route-map aw_rome_transit-out and does not define it/,
        /run `anyward apply`, then `write memory`/,
      ],
      ['error', 'sessions', /FRR has no session with rome-tor/, /add it to your own configuration/],
    ],
  },
} as const

describe.each(['bird', 'frr'] as const)('doctor on a node with its own routing of %s', (kind) => {
  test('names what the own configuration lacks, each with its cure, and finds nothing when it is there', {
    timeout: patience(180_000),
  }, async () => {
    const node = lab.nodes.find(({ daemon }) => daemon === kind)!
    const manifest = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
    const file = manifest.paths.configFile!
    // The example takes no IPv6 routes, and a node needs one for its replies.
    const gateway = manifest.neighbors.find(({ family }) => family === 'ipv6')!.address!
    await inside(node, 'ip', ['-6', 'route', 'add', 'default', 'via', gateway])
    const config = await readFile(file, 'utf8')
    const reload = async () => {
      if (kind === 'bird') {
        const { stdout } = await execa('birdc', ['-s', node.controlSocket, 'configure'])
        expect(stdout).toMatch(/Reconfigur/)
      }
    }
    const vtysh = (...lines: string[]) =>
      execa('vtysh', ['--vty_socket', dirname(node.controlSocket), ...lines.flatMap((line) => ['-c', line])])
    expect(await problems(node)).toEqual({ exitCode: 0, found: [] })

    const broken = faults[kind].remove(config)
    await writeFile(file, broken)
    if (kind === 'bird') await reload()
    else await vtysh('configure terminal', 'router bgp 64500', 'no neighbor 10.2.2.1')
    const { exitCode, found } = await until(
      'all is found',
      () => problems(node),
      ({ found: now }) => now.length === faults[kind].expected.length,
    )
    expect(exitCode).toBe(1)
    expect(found).toEqual(
      faults[kind].expected.map(([severity, check, message, cure]) => ({
        ...{ severity, check, message: expect.stringMatching(message), cure: expect.stringMatching(cure) },
      })),
    )

    await writeFile(file, config)
    if (kind === 'bird') await reload()
    else {
      const lines = [...config.matchAll(/^ +neighbor 10\.2\.2\.1 .*/gm)].map(([line]) => line)
      const [ofRouter, ofFamily] = [
        lines.filter((line) => !line.startsWith('  ')),
        lines.filter((line) => line.startsWith('  ')),
      ]
      await vtysh(
        'configure terminal',
        'router bgp 64500',
        ...ofRouter,
        'address-family ipv4 unicast',
        ...ofFamily,
      )
    }
    await until(
      'nothing is found',
      () => problems(node),
      // What the controller reports is none of these findings, and takes until its next resync.
      ({ exitCode: code, found: now }) => code === 0 && now.length === 0,
    )
    expect(await problems(node)).toEqual({ exitCode: 0, found: [] })
  })
})

test('a reload of FRR removes the route-maps that are in no file: doctor names them, and apply adds them', {
  timeout: patience(120_000),
}, async () => {
  const node = lab.nodes.find(({ daemon }) => daemon === 'frr')!
  const vtysh = (...lines: string[]) =>
    execa('vtysh', ['--vty_socket', dirname(node.controlSocket), ...lines.flatMap((line) => ['-c', line])])
  const { stdout } = await vtysh('show running-config')
  const ours = [...stdout.matchAll(/^route-map (aw_rome_transit-out) \w+ \d+$/gm)].map(
    ([line]) => `no ${line}`,
  )
  expect(ours).not.toEqual([])
  await vtysh('configure terminal', ...ours)
  const findings = async () => {
    const command = [process.execPath, cli, 'doctor', '--json', '--bundle', node.bundle]
    const shown = await execa('ip', ['netns', 'exec', node.namespace, ...command], { reject: false })
    const found = (JSON.parse(shown.stdout) as { findings: Finding[] }).findings
    return found.filter(({ severity }) => severity !== 'info')
  }
  const errors = await until('doctor names them', findings, ({ length }) => length >= 2)
  expect(errors).toMatchObject([
    {
      ...{ severity: 'error', check: 'include' },
      message: expect.stringMatching(/^bgpd uses the route-map aw_rome_transit-out and does not have it/),
    },
    {
      ...{ severity: 'error', check: 'controller' },
      message: expect.stringMatching(/decided: .*192\.0\.2\.0\/24 is not advertised to rome-transit/),
    },
  ])
  await inside(node, process.execPath, [cli, 'apply', '--bundle', node.bundle])
  await until('nothing is found', findings, ({ length }) => length === 0)
})
