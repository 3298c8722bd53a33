import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { until } from '../fixtures/lab/lab.ts'
import { RolloutLab } from '../fixtures/rollout/rollout-lab.ts'

// Three sites, real daemons, and three members of etcd: nothing is reached over ssh.
const patienceMs = patience(400_000)
let lab: RolloutLab

beforeAll(async () => {
  lab = await RolloutLab.start('store')
}, patienceMs)
afterAll(() => lab?.end(), patience(60_000))

const inSites = (edit: (text: string) => string) => (file: string, text: string) =>
  file === 'fleet' ? text : edit(text)

test(
  'a good plan goes through all waves, although an agent and the engine are killed',
  async () => {
    const before = await lab.digests()
    // It restarts the sessions of the BIRD nodes, which are drained.
    await lab.plan(
      inSites((text) =>
        text.replaceAll('import: default-only', 'import: default-only, prepend: 1, timers: { hold: 61s }'),
      ),
    )
    const engine = lab.start('start')
    await until(
      'the canary is being changed',
      () => lab.run('status').catch(() => null),
      (found) => found?.document.waves[0]?.nodes[0]?.state === 'changing',
      120_000,
    )
    await lab.agents!.killAgent('oslo-a')
    engine.kill('SIGKILL')
    await engine
    const { exitCode, document, stderr } = await lab.run('resume')
    expect(document, stderr).toMatchObject({
      state: 'done',
      reason: null,
      waves: [
        { name: 'canary', state: 'done', nodes: [{ node: 'oslo-a', state: 'done' }] },
        { name: 'europe', state: 'done', nodes: [{ node: 'rome-a', state: 'done' }] },
        { name: 'rest', state: 'done', nodes: [{ node: 'lima-a', state: 'done' }] },
      ],
    })
    expect(exitCode).toBe(0)
    const after = await lab.digests()
    for (const name of Object.keys(before)) expect(after[name], name).not.toBe(before[name])
    await lab.untilEverything()
    expect((await lab.run('start')).document.reason).toBe('every node has its bundle already')
  },
  patienceMs,
)

test(
  'a plan that ends the sessions is stopped at the canary and undone, and the other sites never see it',
  async () => {
    await lab.untilEverything()
    const before = await lab.digests()
    await lab.plan(inSites((text) => text.replaceAll(/asn: 6460\d/g, 'asn: 64699')))
    const targets = await lab.storeOf('target/rome/', 'target/lima/')
    const end = lab.watch(['rome-a', 'lima-a'])
    const { exitCode, document, stderr } = await lab.run('start').catch(async (error: unknown) => {
      await end()
      throw error
    })
    const seen = await end()
    expect(document.state, stderr).toBe('undone')
    expect(document.reason, stderr).toMatch(
      /^oslo-a: worse-than-before: .*the session to oslo-transit does not come back/,
    )
    expect(document.waves.map(({ state, nodes }) => [state, nodes[0]!.state])).toEqual([
      ['undone', 'undone'],
      ['waiting', 'waiting'],
      ['waiting', 'waiting'],
    ])
    expect(exitCode).toBe(1)
    expect(seen).toEqual([])
    expect(await lab.storeOf('target/rome/', 'target/lima/')).toBe(targets)
    expect(await lab.digests()).toEqual(before)
    await lab.untilEverything()
  },
  patienceMs,
)
