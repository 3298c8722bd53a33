import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ScenarioName } from '../../src/lab/scenario/names.ts'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { NodeUnderTest } from '../e2e/failures/node-under-test.ts'
import { testApplyOn } from '../e2e/fixtures/apply/cases.ts'
import { cli, expectServed, inside, type Lab, labDown, labUp } from '../e2e/fixtures/lab/lab.ts'
import { findLeftovers } from '../e2e/fixtures/lab/leftovers.ts'
import { expectScenario, minutes, reasons, rows, run, untilRestored } from './fixture/scenarios.ts'

const sites = 'test/kernel/fleet-vrf'

describe('a lab whose neighbors are in two VRFs and in the default one', () => {
  let lab: Lab
  let everything: string[]
  let dir: string

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vrf-lab-'))
    lab = await labUp(sites)
    everything = await rows(lab)
  }, minutes(5))
  afterAll(async () => {
    await labDown()
    await rm(dir, { recursive: true })
    expect(await findLeftovers()).toEqual([])
  }, minutes(3))

  const inNode = (name: string, ...words: string[]) =>
    execa('ip', ['netns', 'exec', nodeOf(name).namespace, process.execPath, cli, ...words], { reject: false })
  const nodeOf = (name: string) => lab.nodes.find((node) => node.name === name)!

  test('every neighbor has its routes, and its session has BFD where it is configured', async () => {
    expect(everything).toEqual(
      ['oslo', 'rome']
        .flatMap((site) => [
          ...['blue', 'tor'].flatMap((name) => [
            `${site}-${name} 192.0.2.0/24`,
            `${site}-${name} 192.0.2.1/32`,
          ]),
          `${site}-red 192.0.2.0/24`,
          `${site}-red-v6 2001:db8:51::/48`,
        ])
        .sort(),
    )
    for (const node of lab.nodes) {
      const watched = new NodeUnderTest(lab, node)
      await watched.until('BFD is up', ({ neighbors }) =>
        neighbors.every(({ name, bfd }) => (bfd?.state ?? null) === (name.includes('-red') ? 'up' : null)),
      )
      await watched.agrees()
      await watched.close()
    }
  })

  test('every client reaches the service through a VRF', async () => {
    expect(lab.clients.length).toBe(2)
    await expectServed(lab.clients, 15)
  })

  test.each(Object.keys(reasons) as ScenarioName[])(
    'the scenario %s on both daemons: the reason, the order, the restoration, three times the bound',
    async (name) => {
      for (const result of await run(name)) await expectScenario(name, result)
      await untilRestored(lab, everything)
    },
    minutes(6),
  )

  test.each(['oslo-a', 'rome-a'])(
    '`anyward withdraw` on %s withdraws in every VRF, and `undrain` announces again',
    async (name) => {
      const withdrawn = await inNode(name, 'withdraw', '--json')
      expect(withdrawn.exitCode, withdrawn.stderr).toBe(0)
      expect(JSON.parse(withdrawn.stdout)).toMatchObject({ operator: { intent: 'withdraw' } })
      const site = name.slice(0, 4)
      expect(await rows(lab)).toEqual(everything.filter((row) => !row.startsWith(site)))
      expect((await inNode(name, 'undrain')).exitCode).toBe(0)
      await untilRestored(lab, everything)
    },
    minutes(3),
  )

  describe.each(['oslo-a', 'rome-a'])('`anyward doctor` on %s', (name) => {
    const inVrfCheck = async (bundle?: string) => {
      const words = bundle === undefined ? [] : ['--bundle', bundle]
      const { stdout, stderr } = await inNode(name, 'doctor', '--json', ...words)
      if (stdout === '') throw new Error(stderr)
      const { findings } = JSON.parse(stdout) as {
        findings: { check: string; severity: string; message: string; cure: string }[]
      }
      return findings
        .filter(({ check }) => check === 'vrf')
        .map(({ severity, message, cure }) => `${severity}: ${message}: ${cure}`)
    }
    const site = name.slice(0, 4)
    /** The bundle, with the neighbor of the default VRF in another. */
    const placedIn = async (vrf: string) => {
      const bundle = join(dir, `${name}-${vrf}`)
      await cp(nodeOf(name).bundle, bundle, { recursive: true })
      const file = join(bundle, 'manifest.json')
      const manifest = JSON.parse(await readFile(file, 'utf8')) as Manifest
      const neighbors = manifest.neighbors.map((one) => (one.name === `${site}-tor` ? { ...one, vrf } : one))
      await writeFile(file, JSON.stringify({ ...manifest, neighbors }))
      return bundle
    }
    const sysctl = (value: number) =>
      inside(nodeOf(name), 'sysctl', ['-qw', `net.ipv4.udp_l3mdev_accept=${value}`])

    test('finds nothing on a good node', async () => {
      expect(await inVrfCheck()).toEqual([])
    })

    test('finds that WireGuard takes no packets from a VRF', async () => {
      await sysctl(0)
      try {
        expect(await inVrfCheck()).toEqual([
          'error: WireGuard takes no packets that arrive in a VRF: net.ipv4.udp_l3mdev_accept is 0: set net.ipv4.udp_l3mdev_accept to 1, in /etc/sysctl.d',
        ])
      } finally {
        await sysctl(1)
      }
    })

    test('finds a neighbor whose link is in no VRF, although other routes match its address', async () => {
      expect(await inVrfCheck(await placedIn('blue'))).toEqual([
        `error: ${site}-tor (${site === 'oslo' ? '10.1.3.1' : '10.2.3.1'}) is not reached in the VRF blue: ip link set INTERFACE master blue, for the interface that ${site}-tor is on`,
      ])
    })

    test('finds that a VRF is missing', async () => {
      expect(await inVrfCheck(await placedIn('green'))).toEqual([
        'error: there is no VRF green on this node: ip link add green type vrf table NUMBER, then ip link set green up, and ip link set INTERFACE master green for its links',
      ])
    })
  })
})

describe.each(['bird', 'frr'] as const)(
  'apply on %s, with neighbors in VRFs',
  { timeout: minutes(3) },
  (daemon) => testApplyOn(daemon, sites),
)
