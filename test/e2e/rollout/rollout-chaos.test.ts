import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readState, type StoreMemberState } from '../../../src/lab/state.ts'
import { patience } from '../../patience.ts'
import { randomOf } from '../../random.ts'
import { disturb, memberFailures, restore } from '../fixtures/etcd/member-failures.ts'
import { wrongAsns } from '../fixtures/rollout/expectations.ts'
import type { RolloutDocument } from '../fixtures/rollout/rollout-lab.ts'
import { SignedLab } from '../fixtures/rollout/signed-lab.ts'

// Three sites, real daemons, three members of etcd, signed bundles. During each rollout the engine, agents, controllers and members
// of the store are killed or cut off at random moments. 50 rollouts, in less than an hour:
//   ROLLOUTS=50 SEED=1 npx vitest run --project e2e test/e2e/rollout/rollout-chaos.test.ts
const firstSeed = Number(process.env.SEED ?? 1)
const rollouts = Number(process.env.ROLLOUTS ?? 2)
const limitMs = patience(400_000)

let signed: SignedLab
let members: readonly StoreMemberState[]

beforeAll(async () => {
  signed = await SignedLab.start('store')
  members = (await readState())!.storeMembers
  await signed.plan([signed.first])
  const { document, stderr } = await signed.lab.run('start', '--key', signed.first.file, '--trust-former')
  expect(document.state, stderr).toBe('done')
}, limitMs)
afterAll(() => signed?.lab.end(), patience(60_000))

type Engine = ReturnType<SignedLab['lab']['start']>

/** The events of one rollout, until it is over. */
class Chaos {
  readonly history: string[] = []
  readonly #random: () => number
  readonly #startMs = performance.now()
  readonly #over = new AbortController()
  readonly #ends: Promise<void>
  engine: Engine | null = null

  constructor(random: () => number) {
    this.#random = random
    this.#ends = this.#run()
  }

  async end(): Promise<void> {
    this.#over.abort()
    await this.#ends
  }

  say(what: string): void {
    this.history.push(`${Math.round(performance.now() - this.#startMs)} ms: ${what}`)
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)]!
  }

  async #run(): Promise<void> {
    const { signal } = this.#over
    for (let left = 1 + Math.floor(this.#random() * 6); left > 0; left -= 1) {
      const event = this.#prepare()
      await delay(this.#random() * 8000, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      await event()
    }
  }

  #prepare(): () => Promise<void> {
    const what = this.#pick(['engine', 'engine', 'agent', 'controller', 'member'] as const)
    const node = this.#pick(['oslo-a', 'rome-a', 'lima-a'])
    const member = this.#pick(members)
    const failure = this.#pick(memberFailures)
    const forMs = this.#random() * 4000
    return async () => {
      if (what === 'engine') {
        this.say('the engine is killed')
        this.engine?.kill('SIGKILL')
      } else if (what === 'member') {
        this.say(`${member.name}: ${failure}`)
        await disturb(member, failure)
        await delay(forMs)
        await restore(member, failure)
        this.say(`${member.name} is restored`)
      } else {
        this.say(`the ${what} of ${node} is killed`)
        await signed.lab.agents!.kill(node, what)
      }
    }
  }
}

/** As an operator does it: a rollout that was interrupted is resumed, and one that is not complete is undone. */
async function drive(chaos: Chaos): Promise<RolloutDocument> {
  const start = ['start', '--key', signed.first.file]
  let command = start
  for (;;) {
    chaos.say(command[0]!)
    chaos.engine = signed.lab.start(...command)
    const { signal, stdout, stderr, exitCode } = await chaos.engine
    if (signal === 'SIGKILL') {
      command = ['resume']
      continue
    }
    // It was killed before the rollout was stored.
    if (stdout === '' && /no rollout|is over/.test(stderr) && command !== start) {
      command = start
      continue
    }
    if (stdout === '') throw new Error(`rollout ${command.join(' ')}: exit code ${exitCode}: ${stderr}`)
    const document = JSON.parse(stdout) as RolloutDocument
    chaos.say(`${document.state}: ${document.reason}`)
    if (document.state === 'done' || document.state === 'undone') return document
    command = ['undo']
  }
}

const ends: { isBad: boolean; state: string; events: number }[] = []
const seeds = Array.from({ length: rollouts }, (_, at) => firstSeed + at)

test.for(seeds)(
  'rollout %i ends complete or undone, and every node has one whole signed serial',
  { timeout: limitMs },
  async (seed) => {
    const random = randomOf(seed)
    const { lab, first } = signed
    await lab.untilEverything()
    const before = await signed.all()
    const isBad = random() < 0.25
    const restarts = random() < 0.5 ? `, timers: { hold: ${60 + (seed % 9)}s }` : ''
    const edit = (text: string) =>
      isBad
        ? wrongAsns('', text)
        : text.replaceAll(
            'import: default-only',
            `import: default-only, prepend: ${1 + (seed % 4)}${restarts}`,
          )
    const serial = await signed.plan([first], edit, ['--again'])
    const chaos = new Chaos(random)
    try {
      const { state } = await drive(chaos)
      await chaos.end()
      if (isBad) expect(state).toBe('undone')
      await lab.untilEverything()
      const after = await signed.all()
      for (const [node, was] of Object.entries(before)) {
        if (state === 'done') expect(after[node]!.serial, node).toBe(serial)
        else expect(after[node]!.digest, node).toBe(was.digest)
        expect(after[node]!.serial, node).toBeGreaterThanOrEqual(was.serial)
      }
      expect(await lab.storeOf('rollout/lock', 'rollout/beat')).toBe('')
      ends.push({ isBad, state, events: chaos.history.length })
      console.info(`seed ${seed}, ${isBad ? 'bad' : 'good'}: ${state} after ${chaos.history.length} events`)
    } catch (error) {
      throw new Error(`seed ${seed}, ${isBad ? 'bad' : 'good'}:\n${chaos.history.join('\n')}`, {
        cause: error,
      })
    } finally {
      await chaos.end()
    }
  },
)

test('a good plan is complete in most rollouts, although something is killed in each', () => {
  const good = ends.filter(({ isBad }) => !isBad)
  expect(good.filter(({ state }) => state === 'done').length).toBeGreaterThan(good.length / 2)
  // The first is the start, and the last the end.
  expect(ends.filter(({ events }) => events <= 2)).toEqual([])
})
