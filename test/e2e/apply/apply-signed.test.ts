import { appendFileSync, writeFileSync } from 'node:fs'
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { hashOf } from '../../../src/files/hash.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { patience } from '../../patience.ts'
import { applyOn, configName } from '../fixtures/apply/bundles.ts'
import { planLabNode } from '../fixtures/apply/lab-bundle.ts'
import { type KeyPair, makeKey, signFolder, verifyByHand } from '../fixtures/apply/signing.ts'
import {
  cli,
  inside,
  type Lab,
  type LabNode,
  labDown,
  labUp,
  NeighborTables,
  until,
  untilComplete,
} from '../fixtures/lab/lab.ts'

const sites = 'test/e2e/fixtures/fleet'
let lab: Lab
let dir: string
let first: KeyPair
let second: KeyPair
let stranger: KeyPair

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'apply-signed-'))
  first = await makeKey(dir, 'first')
  second = await makeKey(dir, 'second')
  stranger = await makeKey(dir, 'stranger')
  lab = await labUp(sites)
}, patience(120_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

describe.each(['bird', 'frr'] as const)('a %s node', { timeout: patience(180_000) }, (daemon) => {
  let node: LabNode
  let manifest: Manifest
  let tables: NeighborTables
  let everything: string[]
  let out: string
  let bundle: string
  const keep = (name: string) => join(dir, daemon, name)

  beforeAll(async () => {
    node = lab.nodes.find((one) => one.daemon === daemon)!
    tables = new NeighborTables(lab, node)
    everything = await untilComplete(node, tables)
    manifest = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
    out = join(dir, daemon, 'out')
    bundle = join(out, manifest.site, node.name)
    await mkdir(join(out, manifest.site), { recursive: true })
  }, patience(120_000))
  afterAll(() => tables.close())

  /** Plans the node with these keys, and with a description that shows which plan it runs. */
  const plan = async (description: string, ...keys: KeyPair[]) => {
    const edited = keep('sites')
    await rm(edited, { recursive: true, force: true })
    await cp(sites, edited, { recursive: true })
    await appendFile(
      join(edited, 'fleet.yaml'),
      `planner: { keys: ${JSON.stringify(keys.map(({ line }) => line))} }\n`,
    )
    const file = join(edited, `${manifest.site}.yaml`)
    const yaml = await readFile(file, 'utf8')
    await writeFile(file, yaml.replace('kind: transit,', `kind: transit, description: ${description},`))
    await planLabNode(edited, node, manifest, bundle)
  }
  const sign = async ({ file }: KeyPair, says: RegExp = /^$/) => {
    const { nodes, stderr, exitCode } = await signFolder(out, file)
    expect(stderr).toMatch(says)
    expect(exitCode).toBe(0)
    return nodes[0]!.serial
  }
  const apply = (from = bundle, options: Parameters<typeof applyOn>[2] = {}) => applyOn(node, from, options)
  /** All that a refused apply must leave as it is. */
  const state = async () => ({
    config: await readFile(manifest.paths.configFile!, 'utf8'),
    installed: Object.fromEntries(
      await Promise.all(
        (await readdir(node.bundle)).map(async (name) => [
          name,
          await readFile(join(node.bundle, name), 'utf8'),
        ]),
      ),
    ) as Record<string, string>,
    routes: await tables.read(),
  })
  const status = async () => (await (await fetch(node.statusUrl)).json()) as NodeStatus
  const installedSerial = async () =>
    (JSON.parse(await readFile(join(node.bundle, 'statement.json'), 'utf8')) as { serial: number }).serial
  const expectRefused = async (reason: string, words: string, from = bundle) => {
    const before = await state()
    const { exitCode, outcome, stderr } = await apply(from)
    expect(outcome).toMatchObject({ applied: false, undone: false, reason })
    expect(outcome!.detail).toContain(words)
    expect(stderr).toContain('nothing was changed')
    expect(exitCode).toBe(1)
    expect(await state()).toEqual(before)
    expect(before.routes).toEqual(everything)
  }

  test('refuses the first bundle with keys while it is unsigned, and pins them when it is signed', async () => {
    await plan('one', first)
    await expectRefused('unsigned', 'statement.json is missing: the bundle pins keys')
    const serial = await sign(first)
    const { outcome } = await apply()
    expect(outcome).toMatchObject({ applied: true, reason: 'applied', serial })
    expect(await tables.read()).toEqual(everything)
    expect(await verifyByHand(node.bundle)).toContain('Good "anyward-bundle" signature for planner')
    expect((await apply()).outcome).toMatchObject({ reason: 'nothing-to-do', serial })
    await cp(bundle, keep('one'), { recursive: true })
  })

  const alter = async (edit: (config: string) => string) => {
    const file = join(bundle, configName(node))
    const config = edit(await readFile(file, 'utf8'))
    await writeFile(file, config)
    const own = JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')) as Manifest
    const files = { ...own.files, [configName(node)]: hashOf(config) }
    await writeFile(join(bundle, 'manifest.json'), `${JSON.stringify({ ...own, files }, null, 2)}\n`)
  }
  const removeSignature = async () => {
    for (const name of ['statement.json', 'statement.json.sig']) await rm(join(bundle, name))
  }
  test.each([
    ['an unsigned one', removeSignature, 'unsigned', 'this node accepts only bundles that a key of'],
    ['one that was changed', () => alter((config) => `${config}\n`), 'altered', 'is not as it was signed'],
    [
      'one with another file',
      () => writeFile(join(bundle, 'more.conf'), ''),
      'altered',
      'more.conf is not part of the signed bundle',
    ],
    [
      'one without keys that was signed before',
      async () => {
        const statement = await readFile(join(bundle, 'statement.json'))
        await plan('two')
        await writeFile(join(bundle, 'statement.json'), statement)
      },
      'unsigned',
      'statement.json.sig is missing',
    ],
    [
      'one that another key has signed',
      async () => {
        await plan('two', stranger)
        await sign(stranger)
      },
      'unknown-key',
      'which this node has pinned',
    ],
    [
      'one of another node',
      async () => {
        await plan('two', first)
        const own = JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')) as Manifest
        await writeFile(
          join(bundle, 'manifest.json'),
          `${JSON.stringify({ ...own, node: 'other-a' }, null, 2)}\n`,
        )
        await sign(first)
      },
      'other-node',
      'is for other-a, and this node is',
    ],
  ] as const)('refuses %s, and changes nothing', async (_title, spoil, reason, words) => {
    await plan('two', first)
    await sign(first)
    await spoil()
    await expectRefused(reason, words)
  })

  test('refuses an older bundle, and accepts its content with a new serial', async () => {
    await plan('two', first)
    const serial = await sign(first)
    expect((await apply()).outcome).toMatchObject({ applied: true, serial })
    expect(await readFile(manifest.paths.configFile!, 'utf8')).toMatch(/description "?two/)
    await expectRefused('older', `and this node runs ${serial}`, keep('one'))
    await plan('one', first)
    const again = await sign(first)
    expect(again).toBeGreaterThan(serial)
    expect((await apply()).outcome).toMatchObject({ applied: true, serial: again })
    expect(await readFile(manifest.paths.configFile!, 'utf8')).not.toMatch(/description "?two/)
    expect(await tables.read()).toEqual(everything)
  })

  test('has the former serial after an apply that was undone, and accepts the same bundle then', async () => {
    const before = await state()
    const former = await installedSerial()
    await plan('three', first)
    const serial = await sign(first)
    const { outcome } = await apply(bundle, {
      onStep: (step, signal) => step === 'verify' && signal('SIGTERM'),
    })
    expect(outcome).toMatchObject({ applied: false, undone: true, reason: 'interrupted', serial: former })
    expect(await state()).toEqual(before)
    expect((await apply()).outcome).toMatchObject({ applied: true, serial })
  })

  test('installs what was verified, whatever the folder has afterwards', async () => {
    await plan('four', first)
    const serial = await sign(first)
    const signed = await readFile(join(bundle, configName(node)), 'utf8')
    const { outcome } = await apply(bundle, {
      onStep(step) {
        if (step !== 'parse check') return
        appendFileSync(join(bundle, configName(node)), '# altered\n')
        writeFileSync(join(bundle, 'manifest.json'), '{}')
      },
    })
    expect(outcome).toMatchObject({ applied: true, serial })
    expect(await readFile(manifest.paths.configFile!, 'utf8')).toBe(signed)
    expect(await verifyByHand(node.bundle)).toContain('Good')
  })

  test('changes keys with an overlap, also if an apply is killed in between', async () => {
    await plan('five', second)
    // The planner refuses what the node would refuse after that.
    expect((await signFolder(out, first.file)).exitCode).toBe(1)
    await sign(second)
    await expectRefused('unknown-key', 'which this node has pinned')

    await plan('five', first, second)
    await sign(first)
    await apply(bundle, { onStep: (step, signal) => step === 'verify' && signal('SIGKILL') })
    expect((await apply()).outcome).toMatchObject({ applied: true })
    await cp(bundle, keep('overlap'), { recursive: true })

    await plan('six', second)
    const serial = await sign(second)
    expect((await apply()).outcome).toMatchObject({ applied: true, serial })
    await cp(bundle, keep('six'), { recursive: true })
    await plan('seven', first)
    await sign(first)
    await expectRefused('unknown-key', 'which this node has pinned')
    await expectRefused('unknown-key', 'which this node has pinned', keep('overlap'))
    expect(await tables.read()).toEqual(everything)
  })

  test('accepts other keys and any serial only if an operator names the keys', async () => {
    await cp(keep('one'), keep('by-hand'), { recursive: true })
    const argv = [cli, 'apply', '--json', '--bundle', keep('by-hand'), '--keys']
    const wrong = await inside(node, process.execPath, [...argv, `${second.file}.pub`]).catch(
      (error: { exitCode: number; stdout: string }) => error,
    )
    expect(wrong).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('unknown-key') })
    const { stdout } = await inside(node, process.execPath, [...argv, `${first.file}.pub`])
    expect(JSON.parse(stdout)).toMatchObject({ applied: true, serial: await installedSerial() })
    await expectRefused('unknown-key', 'which this node has pinned', keep('six'))
  })

  test('has no keys any more after a signed bundle without them, and accepts unsigned ones again', async () => {
    await plan('eight')
    await expectRefused('unsigned', 'this node accepts only bundles')
    const serial = await sign(first, /^note: the bundles pin no key: /)
    expect((await apply()).outcome).toMatchObject({ applied: true, serial })
    await plan('nine')
    expect((await apply()).outcome).toMatchObject({ applied: true, serial: null })
    const left = await readdir(node.bundle)
    for (const name of ['planner.keys', 'statement.json', 'statement.json.sig'])
      expect(left).not.toContain(name)
    expect(await tables.read()).toEqual(everything)
  })

  test('shows the serial that its controller runs', async () => {
    expect((await status()).serial).toBeNull()
    await plan('ten', first)
    const serial = await sign(first)
    const { outcome } = await apply()
    expect(outcome!.notes).toContainEqual(
      expect.stringContaining('the controller still uses the previous bundle'),
    )
    process.kill(node.controllerPid, 'SIGHUP')
    const argv = [
      'netns',
      'exec',
      node.namespace,
      process.execPath,
      cli,
      'controller',
      '--bundle',
      node.bundle,
    ]
    const controller = execa('ip', argv, { reject: false, stdout: 'ignore', stderr: 'ignore' })
    try {
      await until('the new controller answers', status, (shown) => shown.serial === serial)
      const metrics = await (await fetch(node.statusUrl.replace(/status$/, 'metrics'))).text()
      expect(metrics).toContain(`anyward_bundle_info{serial="${serial}",digest="`)
      const { stdout } = await execa(process.execPath, [cli, 'status', '--node', node.name], {
        reject: false,
      })
      expect(stdout).toContain(`, bundle ${serial}\n`)
    } finally {
      controller.kill()
      await controller
    }
  })
})
