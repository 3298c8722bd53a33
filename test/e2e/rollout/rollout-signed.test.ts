import { appendFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { patience } from '../../patience.ts'
import { applyOn, configName } from '../fixtures/apply/bundles.ts'
import { type KeyPair, makeKey, signFolder, verifyByHand } from '../fixtures/apply/signing.ts'
import { type LabNode, until } from '../fixtures/lab/lab.ts'
import { RolloutLab } from '../fixtures/rollout/rollout-lab.ts'
import { installedDigest, isWhole } from '../fixtures/rollout/ssh-nodes.ts'

const patienceMs = patience(400_000)
let lab: RolloutLab
let first: KeyPair
let second: KeyPair

beforeAll(async () => {
  lab = await RolloutLab.start()
  first = await makeKey(lab.dir, 'first')
  second = await makeKey(lab.dir, 'second')
}, patienceMs)
afterAll(() => lab?.end(), patience(60_000))

/** Plans and signs; returns the serial. */
async function plan(
  keys: readonly KeyPair[],
  edit: (text: string) => string = (text) => text,
): Promise<number> {
  await lab.plan((file, text) =>
    file === 'fleet'
      ? `${text}planner: { keys: ${JSON.stringify(keys.map(({ line }) => line))} }\n`
      : edit(text),
  )
  const { nodes, stderr } = await signFolder(lab.out, first.file)
  expect(
    nodes.map(({ change }) => change),
    stderr,
  ).toEqual(['signed', 'signed', 'signed'])
  return nodes[0]!.serial
}

/** What a node runs: one whole bundle whose signature is good, and the controller with it. */
async function runs(node: LabNode): Promise<{ digest: string; serial: number | null }> {
  expect(await isWhole(node), node.name).toBe(true)
  expect(await verifyByHand(node.bundle), node.name).toContain('Good "anyward-bundle" signature for planner')
  const statement = JSON.parse(await readFile(join(node.bundle, 'statement.json'), 'utf8')) as {
    serial: number
  }
  // A controller that has just started listens on TCP a moment later.
  const status = await until(
    `${node.name} answers`,
    () =>
      fetch(node.statusUrl).then(
        async (reply) => (await reply.json()) as NodeStatus,
        () => null,
      ),
    (reply) => reply !== null,
  )
  const digest = await installedDigest(node)
  expect(status, node.name).toMatchObject({ bundle: digest, serial: statement.serial })
  return { digest, serial: status!.serial }
}

async function all(): Promise<Record<string, { digest: string; serial: number | null }>> {
  const entries = await Promise.all(lab.lab.nodes.map(async (node) => [node.name, await runs(node)] as const))
  return Object.fromEntries(entries)
}

const bundleOf = (node: LabNode) => join(lab.out, node.name.replace(/-a$/, ''), node.name)

test(
  'apply --reload brings the controller to the bundle that was verified, whatever its folder has afterwards',
  async () => {
    const serial = await plan([first])
    const results = await Promise.all(
      lab.lab.nodes.map((node) =>
        applyOn(node, bundleOf(node), {
          reload: true,
          onStep(step) {
            if (step !== 'parse check') return
            appendFileSync(join(bundleOf(node), configName(node)), '# altered\n')
            writeFileSync(join(bundleOf(node), 'manifest.json'), '{}')
          },
        }),
      ),
    )
    for (const { exitCode, outcome, stderr } of results) {
      expect(outcome, stderr).toMatchObject({ applied: true, serial, findings: [] })
      expect(outcome!.notes).toContain('the controller runs this bundle')
      expect(exitCode).toBe(0)
    }
    for (const [name, { serial: running }] of Object.entries(await all())) expect(running, name).toBe(serial)
  },
  patienceMs,
)

test(
  'signed bundles reach all nodes, and an undo afterwards gives each its former content with a higher serial, without a key',
  async () => {
    const before = await all()
    const serial = await plan([first, second], (text) =>
      text.replaceAll('import: default-only', 'import: default-only, prepend: 1'),
    )
    for (const preview of [['--dry-run'], []]) {
      const refused = await lab.start('start', ...preview)
      expect(refused.exitCode).toBe(1)
      expect(refused.stderr).toContain('name the key with --key FILE')
      const stranger = await lab.start('start', ...preview, '--key', second.file)
      expect(stranger.exitCode).toBe(1)
      expect(stranger.stderr).toMatch(/an undo of \S+, signed with this key, would be refused/)
    }
    const serialFile = await readFile(join(lab.out, 'serial'), 'utf8')
    expect((await lab.start('start', '--dry-run', '--key', first.file)).exitCode).toBe(0)
    expect(await readFile(join(lab.out, 'serial'), 'utf8')).toBe(serialFile)
    expect(await all()).toEqual(before)

    const { exitCode, document, stderr } = await lab.run('start', '--key', first.file)
    expect(document, stderr).toMatchObject({ state: 'done', reason: null })
    expect(exitCode).toBe(0)
    const after = await all()
    for (const { node, state, serial: shown } of document.waves.flatMap(({ nodes }) => nodes)) {
      expect([state, shown], node).toEqual(['done', serial])
      expect(after[node]!.serial, node).toBe(serial)
      expect(after[node]!.digest, node).not.toBe(before[node]!.digest)
    }

    const undone = await lab.run('undo')
    expect(undone.document, undone.stderr).toMatchObject({ state: 'undone' })
    expect(undone.exitCode).toBe(0)
    const again = await all()
    for (const { node, serial: shown } of undone.document.waves.flatMap(({ nodes }) => nodes)) {
      expect(again[node]!.digest, node).toBe(before[node]!.digest)
      expect(again[node]!.serial, node).toBeGreaterThan(serial)
      expect(shown, node).toBe(again[node]!.serial)
    }
    await lab.untilEverything()

    const older = await lab.start('start', '--dry-run')
    expect(older.exitCode).toBe(1)
    expect(older.stderr).toContain(`has serial ${serial}, and this node runs ${again['oslo-a']!.serial}`)
  },
  patienceMs,
)

test(
  'a bad plan is stopped at the canary and undone without a hand: every node has one whole signed serial',
  async () => {
    const before = await all()
    const serial = await plan([first], (text) => text.replaceAll(/asn: 6460\d/g, 'asn: 64699'))
    const { exitCode, document, stderr } = await lab.run('start', '--key', first.file)
    expect(document.state, stderr).toBe('undone')
    expect(document.reason).toMatch(/^oslo-a: worse-than-before: /)
    expect(exitCode).toBe(1)
    const after = await all()
    expect(after['oslo-a']!.digest).toBe(before['oslo-a']!.digest)
    expect(after['oslo-a']!.serial).toBeGreaterThan(serial)
    for (const name of ['rome-a', 'lima-a']) expect(after[name], name).toEqual(before[name])
    expect(document.waves[0]!.nodes[0]!.serial).toBe(after['oslo-a']!.serial)
    await lab.untilEverything()
  },
  patienceMs,
)
