import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { until } from '../fixtures/lab/lab.ts'
import { expectDone, expectStopped, sessionsEnd, wrongAsns } from '../fixtures/rollout/expectations.ts'
import { RolloutLab } from '../fixtures/rollout/rollout-lab.ts'

// Three sites, real daemons, and three members of etcd: nothing is reached over ssh.
const patienceMs = patience(400_000)
let lab: RolloutLab

beforeAll(async () => {
  lab = await RolloutLab.start('store')
}, patienceMs)
afterAll(() => lab?.end(), patience(60_000))

test(
  'a good plan goes through all waves, although an agent and the engine are killed',
  async () => {
    const before = await lab.digests()
    // It restarts the sessions of the BIRD nodes, which are drained.
    await lab.plan((file, text) =>
      file === 'fleet'
        ? text
        : text.replaceAll('import: default-only', 'import: default-only, prepend: 1, timers: { hold: 61s }'),
    )
    const engine = lab.start('start')
    await until(
      'the canary is being changed',
      () => lab.run('status').catch(() => null),
      (found) => found?.document.waves[0]?.nodes[0]?.state === 'changing',
      120_000,
    )
    await lab.agents!.kill('oslo-a', 'agent')
    engine.kill('SIGKILL')
    await engine
    // Another operator has a copy of the bundles, and not the state.
    const copy = join(lab.dir, 'copy')
    await cp(lab.out, copy, { recursive: true, filter: (path) => !path.endsWith('.rollout') })
    const refused = await lab.start('start', '--out', copy)
    expect(refused.stderr).toMatch(/rollout \w+, which .+ drives, is not over/)
    expect(refused.exitCode).toBe(1)
    await expectDone(lab, await lab.run('resume'), before)
    for (const out of [lab.out, copy]) {
      const { document } = await lab.run('start', '--out', out)
      expect(document.reason).toBe('every node has its bundle already')
    }
    expect(await lab.storeOf('rollout/lock', 'rollout/beat')).toBe('')
  },
  patienceMs,
)

test(
  'a plan that ends the sessions is stopped at the canary and undone, and the other sites never see it',
  async () => {
    const targets = await lab.storeOf('target/rome/', 'target/lima/')
    await expectStopped(lab, () => lab.plan(wrongAsns), sessionsEnd)
    expect(await lab.storeOf('target/rome/', 'target/lima/')).toBe(targets)
  },
  patienceMs,
)
