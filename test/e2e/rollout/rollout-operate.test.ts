import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { until } from '../fixtures/lab/lab.ts'
import { RolloutLab } from '../fixtures/rollout/rollout-lab.ts'
import { installedDigest } from '../fixtures/rollout/ssh-nodes.ts'

const patienceMs = patience(900_000)
let lab: RolloutLab

beforeAll(async () => {
  lab = await RolloutLab.start()
}, patienceMs)
afterAll(() => lab?.end(), patience(60_000))

/** Restarts the sessions of the BIRD nodes. */
const plan = (soak: string) =>
  lab.plan((file, text) =>
    file === 'fleet'
      ? text.replace('soak: 2s', `soak: ${soak}`)
      : text.replaceAll('import: default-only', 'import: default-only, prepend: 1, timers: { hold: 61s }'),
  )

const digests = () => Promise.all(lab.lab.nodes.map(installedDigest))

const untilCanary = (state: string) =>
  until(
    `the canary is ${state}`,
    () => lab.run('status'),
    ({ document }) => document.waves[0]!.nodes[0]!.state === state,
    120_000,
  )

test(
  'a dry run prints the waves, the drains and what the neighbors see, and changes nothing',
  async () => {
    const before = await digests()
    await plan('2s')
    const { exitCode, stdout } = await lab.start('start', '--dry-run')
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      waves: [
        {
          name: 'canary',
          nodes: [
            {
              node: 'oslo-a',
              drained: true,
              sessions: [
                { neighbor: 'oslo-transit', effect: 'session-restart' },
                { neighbor: 'oslo-transit-v6', effect: 'session-restart' },
              ],
              announcements: [],
            },
          ],
        },
        { name: 'europe', nodes: [{ node: 'rome-a', drained: false }] },
        { name: 'rest', nodes: [{ node: 'lima-a', drained: true }] },
      ],
    })
    expect(await digests()).toEqual(before)
    expect((await lab.start('status')).stderr).toContain('there is no rollout in')
  },
  patienceMs,
)

test(
  'a node that cannot be reached keeps a rollout from starting',
  async () => {
    await plan('2s')
    const file = join(lab.sites, 'rome.yaml')
    await writeFile(
      file,
      (await readFile(file, 'utf8')).replace('daemon: frr', 'daemon: frr\n    ssh: nowhere.invalid'),
    )
    const { exitCode, stderr } = await lab.start('start')
    expect(exitCode).toBe(1)
    expect(stderr).toContain(
      'rome-a (ssh nowhere.invalid) cannot be reached: ssh: Could not resolve hostname',
    )
    expect(stderr).toContain('`ssh NODE true` has to work without a question')
    expect(stderr).toContain('nothing was changed')
  },
  patienceMs,
)

test(
  'a rollout is paused, resumed and aborted by other commands, one at a time, and a change of the YAML is noticed',
  async () => {
    const before = await digests()
    await plan('10m')
    const first = lab.start('start')
    await untilCanary('changed')

    const second = await lab.start('start')
    expect(second.exitCode).toBe(1)
    expect(second.stderr).toContain('is driven by another command')

    const paused = await lab.run('pause')
    expect(paused.document).toMatchObject({ state: 'paused', reason: expect.stringMatching(/^paused by /) })
    expect(paused.exitCode).toBe(0)
    expect((await first).exitCode).toBe(1)
    expect((await lab.run('status')).exitCode).toBe(1)

    const file = join(lab.sites, 'lima.yaml')
    await writeFile(file, `${await readFile(file, 'utf8')}# changed\n`)
    const refused = await lab.start('resume')
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toContain('has changed since rollout')

    const resumed = lab.start('resume', '--as-started')
    await until(
      'it runs',
      () => lab.run('status'),
      ({ document }) => document.state === 'running',
    )
    const aborted = await lab.run('abort')
    expect(aborted.document).toMatchObject({ state: 'undone', reason: expect.stringMatching(/^aborted by /) })
    expect(aborted.exitCode).toBe(0)
    expect((await resumed).exitCode).toBe(1)
    expect(await digests()).toEqual(before)
    await lab.untilEverything()
  },
  patienceMs,
)
