import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { patience } from '../../patience.ts'
import { RolloutLab } from '../fixtures/rollout/rollout-lab.ts'
import { installedDigest } from '../fixtures/rollout/ssh-nodes.ts'

const collection = resolve('scripts/ansible')
const limitMs = patience(400_000)
let lab: RolloutLab
let env: Record<string, string>

beforeAll(async () => {
  lab = await RolloutLab.start()
  // Ansible reads the settings of a user, and the lab's nodes are the folders of one machine.
  const home = join(lab.dir, 'ansible-home')
  await mkdir(home)
  env = { HOME: home, ANYWARD_OUT: lab.out, ANSIBLE_NOCOLOR: '1', ANSIBLE_REMOTE_TMP: join(home, 'tmp') }
  const installed = await ansible('ansible-galaxy', 'collection', 'install', collection)
  expect(installed.exitCode, installed.all).toBe(0)
  const hosts = lab.lab.nodes.map(({ name, namespace }) => [
    name,
    {
      anyward_command: ['nsenter', `--net=/run/netns/${namespace}`, '--', join(lab.dir, 'node-bin/anyward')],
      anyward_staged: join(lab.dir, 'staged', name),
    },
  ])
  const vars = {
    ansible_connection: 'local',
    ansible_become: false,
    ansible_python_interpreter: '/usr/bin/python3',
    anyward_wait: patience(60_000) / 1000,
  }
  await writeFile(
    join(lab.dir, 'lab.json'),
    JSON.stringify({ all: { vars, hosts: Object.fromEntries(hosts) } }),
  )
}, limitMs)
afterAll(() => lab?.end(), patience(60_000))

function ansible(program: string, ...args: string[]) {
  return execa(program, args, {
    env,
    cwd: lab.dir,
    stdin: 'ignore',
    timeout: limitMs,
    reject: false,
    all: true,
  })
}

interface Play {
  exitCode: number | undefined
  output: string
  /** `node` of each line `changed: [node]`, by task. */
  changed: Record<string, string[]>
  /** The last line of each node: its number of changed and failed tasks. */
  recap: Record<string, { changed: number; failed: number }>
}

async function play(...args: string[]): Promise<Play> {
  const inventories = ['-i', join(collection, 'inventory.mjs'), '-i', join(lab.dir, 'lab.json')]
  const { exitCode, all } = await ansible('ansible-playbook', ...inventories, 'anyward.node.apply', ...args)
  const result: Play = { exitCode, output: all, changed: {}, recap: {} }
  let task = ''
  for (const line of all.split('\n')) {
    task = /^TASK \[anyward\.node\.\w+ : (.+?)\] \*/.exec(line)?.[1] ?? task
    const node = /^changed: \[([^\]]+)\]/.exec(line)?.[1]
    if (node !== undefined) result.changed[task] = [...(result.changed[task] ?? []), node]
    const [, name, changed, failed] = /^(\S+) +: ok=.* changed=(\d+) .* failed=(\d+)/.exec(line) ?? []
    if (name !== undefined && name !== 'localhost')
      result.recap[name] = { changed: Number(changed), failed: Number(failed) }
  }
  return result
}

async function digests(): Promise<Record<string, string>> {
  const entries = lab.lab.nodes.map(async (node) => [node.name, await installedDigest(node)] as const)
  return Object.fromEntries(await Promise.all(entries))
}

async function intents(): Promise<string[]> {
  return Promise.all(
    lab.lab.nodes.map(async ({ statusUrl }) => {
      const status = (await (await fetch(statusUrl)).json()) as NodeStatus
      return status.operator.intent
    }),
  )
}

const nodes = ['lima-a', 'oslo-a', 'rome-a']
/** `only`: at the site of these nodes. */
const edited =
  (to: string, only = nodes) =>
  (file: string, text: string) =>
    only.includes(`${file}-a`) ? text.replaceAll('import: default-only', `import: default-only, ${to}`) : text
const wrongAs = (file: string, text: string) =>
  file === 'fleet' ? text : text.replaceAll(/asn: 6460\d/g, 'asn: 64699')

test(
  'a change goes from node to node, no neighbor loses a route, and a second run changes nothing',
  async () => {
    await lab.plan(edited('prepend: 1'))
    const before = await digests()
    const checked = await play('--check')
    expect(checked.exitCode, checked.output).toBe(0)
    expect(checked.changed['Let the node check the bundle'], checked.output).toEqual(nodes)
    expect(await digests()).toEqual(before)

    const end = lab.watch(nodes)
    const first = await play()
    expect(await end()).toEqual([])
    expect(first.exitCode, first.output).toBe(0)
    expect(first.changed, first.output).toEqual({ 'Apply the bundle': nodes })
    const after = await digests()
    for (const node of nodes) expect(after[node], node).not.toBe(before[node])

    const second = await play()
    expect(second.exitCode, second.output).toBe(0)
    const none = { changed: 0, failed: 0 }
    expect(second.recap, second.output).toEqual({ 'lima-a': none, 'oslo-a': none, 'rome-a': none })
    expect(await digests()).toEqual(after)
  },
  limitMs,
)

test(
  'a node whose sessions restart is drained before, and serves again before the next one is changed',
  async () => {
    await lab.plan(edited('timers: { hold: 61s }'))
    const end = lab.watch(['rome-a'])
    const { exitCode, output, changed } = await play()
    expect(exitCode, output).toBe(0)
    // FRR changes timers without a restart.
    const drained = ['lima-a', 'oslo-a']
    expect(changed['Drain the node'], output).toEqual(drained)
    expect(changed['End the drain'], output).toEqual(drained)
    expect(changed['Apply the bundle'], output).toEqual(nodes)
    expect(await end()).toEqual([])
    expect(await intents()).toEqual(['serve', 'serve', 'serve'])
    await lab.untilEverything()
  },
  limitMs,
)

const bad: [name: string, plan: () => Promise<void>, reason: RegExp, steps: string[]][] = [
  [
    'whose file is altered, which the node refuses',
    async () => {
      await lab.plan(edited('prepend: 2'))
      await appendFile(join(lab.out, 'lima/lima-a/bird.conf'), '# altered\n')
    },
    /damaged/,
    ['Copy the bundle'],
  ],
  [
    'that ends the sessions, which the node undoes',
    () => lab.plan(wrongAs),
    /worse-than-before/,
    ['Copy the bundle', 'Drain the node', 'End the drain'],
  ],
]

test.each(bad)(
  'the play ends at the first node with a bundle %s, and the others are untouched',
  async (_name, plan, reason, steps) => {
    await lab.untilEverything()
    const before = await digests()
    await plan()
    const end = lab.watch(['oslo-a', 'rome-a'])
    const { exitCode, output, changed, recap } = await play()
    expect(await end()).toEqual([])
    expect(exitCode, output).toBe(2)
    expect(output).toMatch(reason)
    expect(Object.keys(changed), output).toEqual(steps)
    expect(recap, output).toMatchObject({ 'lima-a': { failed: 1 } })
    expect(Object.keys(recap)).toEqual(['lima-a'])
    expect(await digests()).toEqual(before)
    expect(await intents()).toEqual(['serve', 'serve', 'serve'])
    await lab.untilEverything()
  },
  limitMs,
)

test(
  'where one node of a batch fails, the others of the batch serve again',
  async () => {
    await lab.untilEverything()
    const before = await digests()
    await lab.plan((file, text) =>
      file === 'oslo' ? wrongAs(file, text) : edited('timers: { hold: 62s }')(file, text),
    )
    const { exitCode, output, changed, recap } = await play('-e', 'anyward_serial=2')
    expect(exitCode, output).toBe(2)
    expect(changed['Drain the node']?.sort(), output).toEqual(['lima-a', 'oslo-a'])
    expect(Object.keys(recap).sort()).toEqual(['lima-a', 'oslo-a'])
    const after = await digests()
    expect(after['lima-a']).not.toBe(before['lima-a'])
    expect(after['oslo-a']).toBe(before['oslo-a'])
    expect(after['rome-a']).toBe(before['rome-a'])
    expect(await intents()).toEqual(['serve', 'serve', 'serve'])
    await lab.untilEverything()
  },
  limitMs,
)
