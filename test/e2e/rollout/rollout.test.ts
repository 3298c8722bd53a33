import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { expectDone, expectStopped, sessionsEnd, wrongAsns } from '../fixtures/rollout/expectations.ts'
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
    const ran = await lab.run('start')
    await expectDone(lab, ran, before)
    expect(ran.document.waves[0]!.nodes[0]!.serial).toBeNull()
    expect((await lab.run('start')).document.reason).toBe('every node has its bundle already')
  },
  patienceMs,
)

const bad: [name: string, plan: () => Promise<void>, reason: RegExp][] = [
  [
    'that ends the sessions: the AS number of every neighbor is wrong',
    () => lab.plan(wrongAsns),
    sessionsEnd,
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
  (_name, plan, reason) => expectStopped(lab, plan, reason),
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
