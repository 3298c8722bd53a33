import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { compareVersions } from '../../../src/manifest/daemon-versions.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { installedVersion } from '../../installed-version.ts'
import { patience } from '../../patience.ts'
import { alterBundle, applyOn } from '../fixtures/apply/bundles.ts'
import { cli, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

let lab: Lab
let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bfd-state-'))
  const sites = join(dir, 'sites')
  await cp('test/e2e/fixtures/fleet', sites, { recursive: true })
  for (const site of ['oslo', 'rome']) {
    const file = join(sites, `${site}.yaml`)
    const text = await readFile(file, 'utf8')
    // Only the first of the two transits.
    await writeFile(
      file,
      text.replace('import: default-only,', 'import: default-only, bfd: { interval: 100ms },'),
    )
  }
  lab = await labUp(sites)
}, patience(120_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

describe.each([
  { daemon: 'bird', site: 'oslo', quietAddress: '2001:db8:1::1' },
  { daemon: 'frr', site: 'rome', quietAddress: '2001:db8:2::1' },
] as const)('the BFD sessions of a node with $daemon', ({ daemon, site, quietAddress }) => {
  const name = `${site}-transit`
  /** FRR 10 ends a BGP session with its BFD, and keeps it down until that is up. */
  const endsWithBfd = daemon === 'frr' && compareVersions(installedVersion('frr')!, '10') >= 0
  let node: LabNode
  let farConfig: string
  let farSocket: string

  beforeAll(() => {
    node = lab.nodes.find((candidate) => candidate.daemon === daemon)!
    farSocket = lab.neighbors.find((neighbor) => neighbor.name === name)!.controlSocket
    farConfig = join(dirname(farSocket), 'bird.conf')
  })

  const status = async (): Promise<NodeStatus> => (await (await fetch(node.statusUrl)).json()) as NodeStatus
  const neighbor = async (which = name) => (await status()).neighbors.find((one) => one.name === which)!
  const metric = async () => {
    const text = await (await fetch(node.statusUrl.replace(/status$/, 'metrics'))).text()
    return text.split('\n').filter((line) => line.startsWith('anyward_bfd_session_up{'))
  }
  /** And stays so: FRR 10 configures BFD once more when its session has come up, which ends it for a second. */
  const isUp = () => {
    let upAt: number | null = null
    return until('BFD stays up', neighbor, ({ session, bfd }) => {
      const nowMs = performance.now()
      upAt = session === 'up' && bfd?.state === 'up' ? (upAt ?? nowMs) : null
      return upAt !== null && nowMs - upAt > 3000
    })
  }
  const editFar = async (edit: (config: string) => string) => {
    const before = await readFile(farConfig, 'utf8')
    await writeFile(farConfig, edit(before))
    await execa('birdc', ['-s', farSocket, 'configure'])
    return () => editFar(() => before)
  }
  const events = async () => {
    const manifest = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
    const text = await readFile(join(manifest.paths.stateDir, 'events.jsonl'), 'utf8')
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { level: string; event: string; message: string })
      .filter(({ event }) => event === 'bfd')
  }

  test('are in the status, in the metrics and in the events', async () => {
    await isUp()
    expect((await neighbor()).bfd).toEqual({ state: 'up', problem: null })
    expect((await neighbor(`${name}-v6`)).bfd).toBeNull()
    expect(await metric()).toEqual([`anyward_bfd_session_up{neighbor="${name}"} 1`])
    expect(await events()).toContainEqual(
      expect.objectContaining({ level: 'info', message: `BFD with ${name} is up` }),
    )
  })

  test(
    'failure 25: BFD on our side only is an error that status, metrics and events report',
    async () => {
      await isUp()
      const undo = await editFar((config) => config.replace(/\n *bfd \{[^}]*\};/, ''))
      if (endsWithBfd) {
        const isDown = (one: Awaited<ReturnType<typeof neighbor>>) =>
          one.session === 'down' && one.bfd?.state === 'down'
        const { bfd } = await until('it is down', neighbor, isDown)
        expect(bfd!.problem).toBeNull()
        const args = [
          'netns',
          'exec',
          node.namespace,
          process.execPath,
          cli,
          'status',
          '--bundle',
          node.bundle,
        ]
        const shown = await execa('ip', args, { reject: false })
        expect(shown.stdout).toContain(`${name} (session down, BFD down)`)
        expect(shown.stdout).toContain(`${name} stays down until BFD is up: once`)
        await undo()
        await isUp()
        return
      }
      const { session, bfd } = await until('it is reported', neighbor, (one) => one.bfd?.problem != null)
      expect({ session, state: bfd!.state }).toEqual({ session: 'up', state: 'down' })
      const later =
        daemon === 'frr' ? ', and FRR 10 does not start an ended session again until BFD is up' : ''
      const problem = `BFD with ${name} is not up, but its session is: a failure is found only when the hold time ends${later}; configure single-hop BFD (RFC 5881, UDP 3784) at the far end too (anyward plan --for-neighbor ${name} lists what it needs), or leave bfd out`
      expect(bfd!.problem).toBe(problem)
      expect(await metric()).toEqual([`anyward_bfd_session_up{neighbor="${name}"} 0`])
      expect(await events()).toContainEqual(expect.objectContaining({ level: 'error', message: problem }))
      const args = ['netns', 'exec', node.namespace, process.execPath, cli, 'status', '--bundle', node.bundle]
      const shown = await execa('ip', args, { reject: false })
      expect(shown.exitCode).toBe(1)
      expect(shown.stdout).toContain(`${name} (session up, BFD down)`)
      expect(shown.stdout).toContain(problem)
      await undo()
      await isUp()
      expect((await neighbor()).bfd!.problem).toBeNull()
    },
    patience(120_000),
  )

  test(
    'failure 25: an apply that loses BFD is undone, and one with BFD that does not come up ends with a finding',
    async () => {
      await isUp()
      const breaking = (config: string) =>
        daemon === 'bird'
          ? config.replace('protocol bfd aw_bfd {\n', 'protocol bfd aw_bfd {\n  accept multihop;\n')
          : config.replace(/(\n profile \S+\n)/, '$1  shutdown\n')
      const lost = await applyOn(node, await alterBundle(node, join(dir, daemon), breaking), {
        timeout: '8s',
      })
      expect(lost).toMatchObject({
        exitCode: 1,
        outcome: { applied: false, undone: true, reason: 'worse-than-before', findings: [] },
      })
      expect(lost.outcome!.detail).toContain(`BFD with ${name} does not come back`)
      await isUp()

      const adding = (config: string) =>
        daemon === 'bird'
          ? config.replace(/(protocol bgp aw_\w+_v6 \{\n)/, '$1  bfd on;\n')
          : config.replace(/( neighbor (2001:\S+) remote-as \d+\n)/, '$1 neighbor $2 bfd\n')
      const bundle = await alterBundle(node, join(dir, daemon), adding, (manifest) => ({
        ...manifest,
        neighbors: manifest.neighbors.map((one) =>
          one.address === quietAddress
            ? { ...one, session: { ...one.session!, bfd: { intervalMs: 300, multiplier: 3, hops: null } } }
            : one,
        ),
      }))
      const found = await applyOn(node, bundle)
      expect(found).toMatchObject({
        exitCode: 1,
        outcome: { applied: true, undone: false, reason: 'applied' },
      })
      expect(found.outcome!.findings).toEqual([
        expect.stringContaining(`BFD with ${name}-v6 is not up, but its session is`),
      ])
    },
    patience(180_000),
  )
})
