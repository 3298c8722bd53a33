import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { countStateChanges } from '../../../src/lab/machine/tables.ts'
import { type Manifest, requireManifest } from '../../../src/manifest/manifest.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { Vtysh } from '../../../src/node/routing/frr/vtysh.ts'
import { createDaemon } from '../../../src/node/service/create-daemon.ts'
import { patience } from '../../patience.ts'
import { alterBundle, applyOn, configName, runPackageConfig } from '../fixtures/apply/bundles.ts'
import { planLabNode } from '../fixtures/apply/lab-bundle.ts'
import { add, all, at, changes, type Name, names, without } from '../fixtures/apply/link-changes.ts'
import {
  type Lab,
  type LabNode,
  labDown,
  labUp,
  NeighborTables,
  until,
  untilComplete,
} from '../fixtures/lab/lab.ts'

const fleet = 'test/e2e/fixtures/fleet-links'
let lab: Lab
let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'apply-links-'))
  lab = await labUp(fleet)
}, patience(120_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

describe.each(['bird', 'frr'] as const)(
  'apply on %s, with neighbors on interfaces',
  { timeout: patience(180_000) },
  (daemon) => {
    let node: LabNode
    let site: string
    let tables: NeighborTables
    let everything: string[]
    let manifest: Manifest
    /** What the lab has installed. A test that fails may leave another bundle. */
    let base: string
    let baseConfig: string
    const undo: (() => void)[] = []

    beforeAll(async () => {
      node = lab.nodes.find((candidate) => candidate.daemon === daemon)!
      site = node.name.replace(/-a$/, '')
      tables = new NeighborTables(lab, node)
      undo.push(() => tables.close())
      everything = await untilComplete(node, tables)
      manifest = requireManifest(JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')))
      base = join(dir, `${site}-base`)
      await cp(node.bundle, base, { recursive: true })
      baseConfig = await readFile(join(base, configName(node)), 'utf8')
    }, patience(120_000))
    afterAll(() => {
      for (const step of undo) step()
    })

    const rowsOf = (some: readonly Name[]) =>
      everything.filter((row) => some.some((name) => row.startsWith(`${site}-${name} `)))
    const others = (some: readonly Name[]) => names.filter((name) => !some.includes(name))
    const isBack = () =>
      until(
        'the neighbors have every route',
        () => tables.read(),
        (rows) => rows.join() === everything.join(),
        120_000,
      )
    const neighborOf = (name: Name) => lab.neighbors.find((one) => one.name === `${site}-${name}`)!
    const atNeighbor = async <T>(name: Name, ask: (client: BirdClient, protocol: string) => Promise<T>) => {
      const neighbor = neighborOf(name)
      const client = new BirdClient({ socketPath: neighbor.controlSocket, deadlineMs: patience(5000) })
      try {
        return await ask(client, neighbor.sessions[0]!.protocol)
      } finally {
        client.close()
      }
    }
    /** How often each session has changed its state, by the log of its neighbor. */
    const starts = async (some: readonly Name[]) => {
      const found: string[] = []
      for (const name of some) {
        const { controlSocket, sessions } = neighborOf(name)
        found.push(`${name} ${await countStateChanges(controlSocket, sessions[0]!.protocol)}`)
      }
      return found
    }
    const paths = (name: Name) =>
      atNeighbor(name, async (client, protocol) => {
        const { lines } = await client.send(`show route all protocol ${protocol}`)
        const found = lines.flatMap(({ text }) => /(?:BGP\.as_path|bgp_path): (.*)$/.exec(text)?.[1] ?? [])
        return [...new Set(found.map((path) => path.trim()))]
      })
    const readBack = async (known: Manifest) => {
      const running = await createDaemon(known)
      try {
        return (await running.observe()).neighbors
          .flatMap(({ neighbor, session, announced }) =>
            session === 'up'
              ? [...announced.keys()].map((prefix) => `${neighbor} ${prefix}`)
              : [`${neighbor} is ${session}`],
          )
          .sort()
      } finally {
        await running.leave()
      }
    }
    const vtysh = () => new Vtysh(dirname(node.controlSocket))
    /** The running configuration. BIRD does not print it: this is what its sessions show of it. */
    const running = async () =>
      daemon === 'frr'
        ? vtysh().readRunning()
        : (await execa('birdc', ['-s', node.controlSocket, 'show', 'protocols', 'all'])).stdout
            .split('\n')
            .filter((line) => /Description:|Neighbor AS:|Import limit|^ +Limit:/.test(line))
            .sort()
            .join('\n')
    const plan = async (edit: (yaml: string) => string) => {
      const sites = join(dir, 'sites')
      await cp(fleet, sites, { recursive: true })
      const file = join(sites, `${site}.yaml`)
      const yaml = await readFile(file, 'utf8')
      const edited = edit(yaml)
      await writeFile(file, edited)
      return planLabNode(sites, node, manifest, join(dir, `${site}-bundle`))
    }
    const manifestOf = async (bundle: string) =>
      requireManifest(JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')))

    beforeEach(async () => {
      const isInstalled = (await readFile(join(node.bundle, configName(node)), 'utf8')) === baseConfig
      if (!isInstalled) await applyOn(node, base)
      await isBack()
    })

    /** Does something, and meanwhile looks at the tables: no neighbor but these may lose a route or a session. */
    const undisturbed = async <T>(restarts: readonly Name[], act: () => Promise<T>): Promise<T> => {
      const kept = others(restarts)
      const [before, rows] = [await starts(kept), rowsOf(kept).join()]
      const misses: string[] = []
      let ended = false
      const looking = (async () => {
        while (!ended) {
          const now = (await tables.read()).filter((row) =>
            kept.some((name) => row.startsWith(`${site}-${name} `)),
          )
          if (now.join() !== rows) misses.push(now.join())
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })()
      const result = await act().finally(() => {
        ended = true
      })
      await looking
      expect(misses).toEqual([])
      expect(await starts(kept)).toEqual(before)
      return result
    }

    test('a first apply, on a daemon that runs the configuration of its package, brings every session up', async () => {
      const saved = join(dir, `${daemon}-saved`)
      await cp(node.bundle, saved, { recursive: true })
      await rm(node.bundle, { recursive: true })
      await runPackageConfig(node, manifest)
      await until(
        'no neighbor has a route',
        () => tables.read(),
        (rows) => rows.length === 0,
      )
      const { exitCode, outcome } = await applyOn(node, base)
      expect(outcome, outcome?.detail).toMatchObject({
        applied: true,
        effect: 'session-restart',
        undone: false,
      })
      expect(exitCode).toBe(0)
      await isBack()
      expect(await untilComplete(node, tables)).toEqual(everything)
    })

    test('an unchanged bundle changes nothing, and no session restarts', async () => {
      const bundle = await plan((yaml) => yaml)
      const file = await stat(manifest.paths.configFile!, { bigint: true })
      const { outcome } = await undisturbed([], () => applyOn(node, bundle))
      expect(outcome, outcome?.detail).toMatchObject({
        applied: false,
        effect: 'none',
        reason: 'nothing-to-do',
      })
      expect((await stat(manifest.paths.configFile!, { bigint: true })).ino).toBe(file.ino)
    })

    test.each(changes)(
      '$title: no other session restarts or loses a route, and the earlier bundle undoes it',
      async (change) => {
        const before = await running()
        const bundle = await plan(change.edit)
        expect(await readFile(join(bundle, configName(node)), 'utf8')).not.toBe(baseConfig)
        const { gone = [], path = [], restarts } = change
        const there = rowsOf(others(gone))
        const { outcome } = await undisturbed(restarts, () => applyOn(node, bundle))
        expect(outcome, outcome?.detail).toMatchObject({
          applied: true,
          undone: false,
          reason: 'applied',
          findings: [],
        })
        expect(await tables.read()).toEqual(there)
        expect(await readBack(await manifestOf(bundle))).toEqual(there)
        for (const name of path) expect(await paths(name)).toEqual(['64500 64500 64500'])
        const back = await undisturbed(restarts, () => applyOn(node, base))
        expect(back.outcome, back.outcome?.detail).toMatchObject({
          applied: true,
          undone: false,
          reason: 'applied',
          findings: [],
        })
        await isBack()
        expect(await running()).toBe(before)
        expect(await untilComplete(node, tables)).toEqual(everything)
      },
    )

    // bgpd accepts a connection from a link-local address on each interface: a session on another one may come up.
    test.each(
      (
        [
          ['named', 'is of another AS', /asn: \d+/, 'asn: 64999'],
          ['unnumbered', 'is of another AS', /asn: \d+/, 'asn: 64999'],
          ['named', 'is on another interface', /eth1/, 'eth9'],
        ] as const
      ).filter(([, , setting]) => daemon === 'bird' || setting.source !== 'eth1'),
    )(
      'a session to the %s neighbor that %s undoes the whole change, and no other session restarts',
      async (name, _title, setting, wrong) => {
        const before = await running()
        const [spoilt, other] = [at(name, (lines) => lines.replace(setting, wrong)), `${name}2` as const]
        const longer = add(name === 'named' ? 'unnumbered' : 'named', 'prepend: 2')
        const bundle = await plan(all(spoilt, without(other), longer))
        const { outcome } = await undisturbed([name, other], () => applyOn(node, bundle, { timeout: '5s' }))
        expect(outcome, outcome?.detail).toMatchObject({
          applied: false,
          undone: true,
          reason: 'worse-than-before',
        })
        expect(outcome!.detail).toContain(`the session to ${site}-${name} does not come back`)
        await isBack()
        expect(await running()).toBe(before)
        expect(await untilComplete(node, tables)).toEqual(everything)
      },
    )

    test.for(daemon === 'frr' ? (['named'] as const) : [])(
      'the session to the %s neighbor on another interface restarts',
      async (name) => {
        const before = await starts([name])
        const moved = await plan(at(name, (lines) => lines.replace('eth1', 'eth9')))
        await undisturbed([name], () => applyOn(node, moved, { timeout: '5s' }))
        expect(await starts([name])).not.toEqual(before)
      },
    )

    test('a file that the daemon’s parser refuses changes nothing', async () => {
      const before = await running()
      const bundle = await alterBundle(node, join(dir, 'broken'), (config) => `${config}this is nothing\n`)
      const { outcome } = await undisturbed([], () => applyOn(node, bundle))
      expect(outcome, outcome?.detail).toMatchObject({
        applied: false,
        undone: false,
        reason: 'parser-refused',
      })
      expect(await running()).toBe(before)
    })
  },
)
