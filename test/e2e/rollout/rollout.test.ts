import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { type RolloutDocument, RolloutLab } from '../fixtures/rollout/rollout-lab.ts'

const patienceMs = patience(400_000)
let lab: RolloutLab

beforeAll(async () => {
  lab = await RolloutLab.start()
}, patienceMs)
afterAll(() => lab?.end(), patience(60_000))

const prepended = (file: string, text: string) =>
  file === 'fleet' ? text : text.replaceAll('import: default-only', 'import: default-only, prepend: 1')

test(
  'a good plan goes through all waves, the canary first',
  async () => {
    const before = await lab.digests()
    await lab.plan(prepended)
    const { exitCode, document, stderr } = await lab.run('start')
    expect(document, stderr).toMatchObject({
      state: 'done',
      reason: null,
      waves: [
        { name: 'canary', state: 'done', nodes: [{ node: 'oslo-a', state: 'done', serial: null }] },
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

const bad: [name: string, plan: () => Promise<void>, reason: RegExp][] = [
  [
    'that ends the sessions: the AS number of every neighbor is wrong',
    () => lab.plan((file, text) => (file === 'fleet' ? text : text.replaceAll(/asn: 6460\d/g, 'asn: 64699'))),
    /^oslo-a: worse-than-before: .*the session to oslo-transit does not come back/,
  ],
  [
    'that leaves the sessions, but one prefix vanishes: the key of one service is wrong',
    () =>
      lab.plan(prepended, (manifest) => ({
        ...manifest,
        services: manifest.services.map((service) =>
          service.name === 'second'
            ? {
                ...service,
                wireguard: {
                  ...service.wireguard,
                  publicKey: manifest.services[0]!.wireguard.publicKey.replace(/^./, (first) =>
                    first === 'F' ? 'G' : 'F',
                  ),
                },
              }
            : service,
        ),
      })),
    /^oslo-a: .*second is/,
  ],
]

test.each(bad)(
  'a bad plan is stopped at the canary and undone, and the other sites never see it: a plan %s',
  async (_name, plan, reason) => {
    await lab.untilEverything()
    const before = await lab.digests()
    const sessions = await lab.sessionsOf('rome-a', 'lima-a')
    await plan()
    const end = lab.watch(['rome-a', 'lima-a'])
    const { exitCode, document, stderr } = await lab.run('start')
    const seen = await end()
    expect(document.state, stderr).toBe('undone')
    expect(document.reason, stderr).toMatch(reason)
    expect(document.waves.map(({ state, nodes }) => [state, nodes[0]!.state])).toEqual([
      ['undone', 'undone'],
      ['waiting', 'waiting'],
      ['waiting', 'waiting'],
    ])
    expect(exitCode).toBe(1)
    expect(seen).toEqual([])
    expect(await lab.sessionsOf('rome-a', 'lima-a')).toEqual(sessions)
    expect(await lab.digests()).toEqual(before)
    await lab.untilEverything()
  },
  patienceMs,
)

const mostKills = Number(process.env.ANYWARD_TEST_KILLS ?? 4)

test(
  'an engine that is killed at any point loses nothing: the rollout is resumed, and every node has one whole bundle',
  async () => {
    let seed = Date.now() % 100_000
    console.info(`seed ${seed}`)
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed / 2_147_483_648
    }
    let kills = 0
    let round = 0
    while (kills < mostKills) {
      round += 1
      const prepend = 1 + (round % 4)
      await lab.plan((file, text) =>
        file === 'fleet'
          ? text
          : text.replaceAll(
              'import: default-only',
              `import: default-only, prepend: ${prepend}, timers: { hold: ${60 + prepend}s }`,
            ),
      )
      const before = await lab.digests()
      let command = 'start'
      for (;;) {
        const child = lab.start(command)
        const limitMs = kills < mostKills ? 1000 + random() * 20_000 : Number.POSITIVE_INFINITY
        const timer = Number.isFinite(limitMs) ? setTimeout(() => child.kill('SIGKILL'), limitMs) : undefined
        const { signal, stdout, stderr, exitCode } = await child
        clearTimeout(timer)
        if (signal === 'SIGKILL') {
          kills += 1
          command = 'resume'
          continue
        }
        // It was killed before the rollout was stored.
        if (stdout === '' && /no rollout|is over/.test(stderr)) {
          command = 'start'
          continue
        }
        const document = JSON.parse(stdout) as RolloutDocument
        expect(document.state, `${stdout}\n${stderr}`).toBe('done')
        expect(exitCode).toBe(0)
        break
      }
      const after = await lab.digests()
      for (const name of Object.keys(before)) expect(after[name], name).not.toBe(before[name])
      await lab.untilEverything()
    }
  },
  patience(1_500_000),
)
