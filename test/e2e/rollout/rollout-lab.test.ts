import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { cli, until } from '../fixtures/lab/lab.ts'
import { expectDone, expectStopped, sessionsEnd, wrongAsns } from '../fixtures/rollout/expectations.ts'
import { RolloutLab } from '../fixtures/rollout/rollout-lab.ts'

const patienceMs = patience(400_000)
let lab: RolloutLab

beforeAll(async () => {
  lab = await RolloutLab.start('lab')
}, patienceMs)
afterAll(() => lab?.end(), patience(60_000))

const unchanged = (_file: string, text: string) => text
const prepended = (times: number) => (file: string, text: string) =>
  file === 'fleet' ? text : text.replaceAll('import: default-only', `import: default-only, prepend: ${times}`)

test('the fleet that the lab runs is no change: the same bundles are planned again', async () => {
  await lab.plan(unchanged)
  const { exitCode, document, stderr } = await lab.run('start')
  expect(document.reason, stderr).toBe('every node has its bundle already')
  expect(exitCode).toBe(0)
  // Without --sites, it is the folder of the lab, and not `sites`.
  const argv = [cli, 'lab', 'rollout', 'start', '--dry-run']
  const preview = await execa(process.execPath, argv, { reject: false })
  expect(preview.stdout, preview.stderr).toBe('every node has its bundle already')
})

test(
  'a good plan goes through all waves, and the lab knows the controllers that run now',
  async () => {
    const before = await lab.digests()
    await lab.plan(prepended(1))
    await expectDone(lab, await lab.run('start'), before)
    const state = JSON.parse(await readFile('/run/anyward-lab/state.json', 'utf8')) as {
      nodes: { name: string; dir: string; controller: { pid: number } }[]
    }
    for (const { name, dir, controller } of state.nodes) {
      const holder = Number(await readFile(join(dir, 'run/controller.lock'), 'utf8'))
      expect(controller.pid, name).toBe(holder)
    }
  },
  patienceMs,
)

test(
  'a plan that ends the sessions is stopped at the canary and undone, and the other sites never see it',
  () => expectStopped(lab, () => lab.plan(wrongAsns), sessionsEnd),
  patienceMs,
)

/** Starts a rollout of a plan, and signals the engine while oslo-a, the canary, applies its bundle. */
async function interrupt(signal: NodeJS.Signals) {
  const child = lab.start('start')
  const lock = join(lab.node('oslo-a').bundle, '../apply.lock')
  await until(
    'an apply runs on oslo-a',
    async () => existsSync(`/proc/${Number(await readFile(lock, 'utf8'))}`),
    (isRunning) => isRunning,
  )
  child.kill(signal)
  return child
}

async function statusOfCanary() {
  const argv = [cli, 'status', '--node', 'oslo-a', '--json']
  const { exitCode, stdout, stderr } = await execa(process.execPath, argv, { reject: false })
  return { exitCode, stdout, stderr }
}

test(
  'an engine that is killed while a node changes is resumed: the controller that it did not start again runs',
  async () => {
    await lab.plan(prepended(2))
    expect((await interrupt('SIGKILL')).signal).toBe('SIGKILL')
    expect((await lab.run('status')).document.state).toBe('running')
    // What the engine has begun goes on, and lets the controller give way.
    await until(
      'the controller of oslo-a has ended',
      statusOfCanary,
      ({ exitCode, stderr }) => exitCode === 2 && stderr.includes('no controller is running'),
    )
    const { document, stderr } = await lab.run('resume')
    expect(document, stderr).toMatchObject({ state: 'done', reason: null })
    await lab.untilEverything()
  },
  patienceMs,
)

test(
  'an engine that is interrupted ends after the change that it has begun, with a controller that runs',
  async () => {
    await lab.plan(prepended(3))
    const { exitCode, stdout, stderr } = await interrupt('SIGINT')
    expect(stderr).toContain('continue it with `anyward lab rollout resume`')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'running' })
    expect(exitCode).toBe(1)
    const { bundle } = JSON.parse((await statusOfCanary()).stdout) as { bundle: string }
    expect(bundle).toBe((await lab.digests())['oslo-a'])
    const { document } = await lab.run('resume')
    expect(document).toMatchObject({ state: 'done', reason: null })
    await lab.untilEverything()
  },
  patienceMs,
)

const unfit: [what: string, edit: (file: string, text: string) => string, lack: string][] = [
  [
    'another address of a neighbor',
    (_file, text) => text.replace('address: 10.2.1.1,', 'address: 10.2.1.9,'),
    'rome-a: the link 10.2.1.2 -- 10.2.1.9 to rome-transit',
  ],
  [
    'another name of a node',
    (_file, text) => text.replace('name: lima-a', 'name: lima-b'),
    'lima-b: the node itself',
  ],
  [
    '`remote`, where the lab has no store',
    (file, text) =>
      file === 'fleet'
        ? `${text}\nremote: {}\nstore: { endpoints: [10.9.0.1:2379], caFile: /a/ca, certFile: /a/c, keyFile: /a/k }\n`
        : text,
    'lima-a: the store that `remote` needs: `anyward lab up --store`',
  ],
]

test.each(unfit)(
  'a plan that needs another lab is refused, and changes nothing: %s',
  async (_what, edit, lack) => {
    const before = await lab.digests()
    await lab.plan(edit)
    const { exitCode, stdout, stderr } = await lab.start('start')
    expect(stderr).toContain(`the lab lacks what this fleet needs:\n    ${lack}\n`)
    expect(stderr).toContain('`anyward lab up` with this fleet')
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(await lab.digests()).toEqual(before)
  },
)

test(
  'the scenario bad-rollout: stopped at the canary, undone, and the other sites lose no route',
  async () => {
    await lab.untilEverything()
    const before = await lab.digests()
    const argv = [cli, 'lab', 'run', 'bad-rollout', '--running', '--json']
    const { stdout, stderr } = await execa(process.execPath, argv, { reject: false })
    const { scenarios } = JSON.parse(stdout) as {
      scenarios: { name: string; passed: boolean; detail: string }[]
    }
    expect(scenarios, stderr).toEqual([expect.objectContaining({ name: 'bad-rollout', passed: true })])
    expect(scenarios[0]!.detail).toMatch(
      /^stopped at oslo-a and undone: .*; the neighbors of 2 other sites lost no route$/,
    )
    expect(await lab.digests()).toEqual(before)
  },
  patienceMs,
)

test('without a lab it is refused, and leaves no folder of one', async () => {
  await execa(process.execPath, [cli, 'lab', 'down'])
  for (const command of ['start', 'status']) {
    const { exitCode, stderr } = await lab.start(command)
    expect(stderr).toBe('anyward: no lab is up\n    start one with `anyward lab up`')
    expect(exitCode).toBe(2)
  }
  await expect(readFile('/run/anyward-lab')).rejects.toThrow('ENOENT')
})
