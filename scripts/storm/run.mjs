import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { listSteps } from './faults.mjs'
import { readKernel } from './kernel.mjs'
import { countFaults, createModel, findMismatches, settleModel } from './model.mjs'
import { createRandom } from './random.mjs'
import { countProcesses, findGrowth, takeStock } from './stock.mjs'

const quietTimeoutMs = 60_000
/** This many steps with controllers that may be killed, then as many in which one must survive. */
const stepsOfALife = 500
const stepsToAStock = 25
const keptSteps = 30

/** The storm over one node: bursts of faults and repairs, and a quiet point after each. */
export class Storm {
  constructor({ node, fabric, seed, from, steps, goOn, signal, say, onFailure }) {
    this.node = node
    this.fabric = fabric
    this.seed = seed
    this.burst = from
    this.target = steps
    this.goOn = goOn
    this.signal = signal
    this.failures = []
    this.say = say
    this.onFailure = onFailure
    this.model = createModel(node.manifest)
    this.steps = 0
    this.quiets = 0
    this.lastSteps = []
    this.counts = new Map()
    this.samples = []
    this.machine = []
    this.stockAt = 0
    this.slowestQuietMs = 0
  }

  /** Ends at the first failure, unless `--continue` is set; then it repairs the node after each. */
  async run() {
    while (this.steps < this.target && !this.signal.aborted) {
      const failure = await this.#runBurst()
      if (failure !== null) {
        this.failures.push(failure)
        this.say(
          `seed ${this.seed}, ${failure.node}, burst ${failure.burst}: ${failure.mismatches.join('; ')}`,
        )
        await this.onFailure()
        if (!this.goOn || (await this.#heal()) !== null) return
      }
      this.burst += 1
    }
  }

  /** The resources that have grown since the start. */
  findGrowth() {
    return [
      ...findGrowth(`${this.node.name}: controller`, this.samples),
      ...findGrowth('machine', this.machine),
    ]
  }

  async #runBurst() {
    const random = createRandom(this.seed, this.node.name, this.burst)
    const count = Math.min(1 + random.below(8), this.target - this.steps)
    for (let step = 0; step < count; step += 1) {
      try {
        await this.#doStep(random)
      } catch (error) {
        return this.#fail([`the step failed: ${error.stack}`], await this.node.look())
      }
      // Sometimes wait, so that the controller sees an intermediate state.
      if (random.below(3) === 0) await delay(random.below(400))
    }
    return this.#waitForQuiet()
  }

  /** Repairs all faults, and starts the controller again. */
  async #heal() {
    const random = createRandom('heal', this.burst)
    try {
      for (let round = 0; round < 100; round += 1) {
        const repairs = listSteps(this.node, this.model, false).filter(({ kind }) => kind === 'repair')
        if (repairs.length === 0) break
        await repairs[0].act(random, this.fabric)
      }
      const replace = listSteps(this.node, this.model, true).find(
        ({ name }) => name === 'controller replaced',
      )
      await replace?.act(random, this.fabric)
    } catch (error) {
      this.say(`${this.node.name} cannot be repaired: ${error.message}`)
      return error
    }
    return this.#waitForQuiet()
  }

  async #doStep(random) {
    const { node, model } = this
    const allowDeath = Math.floor(this.steps / stepsOfALife) % 2 === 0
    const possible = listSteps(node, model, allowDeath)
    const wantsRepair = random.next() < Math.min(0.85, 0.05 + 0.15 * countFaults(model))
    const wanted = possible.filter(({ kind }) => (kind === 'repair') === wantsRepair)
    const step = random.weigh(wanted.length > 0 ? wanted : possible)
    const line = `${this.burst}/${this.steps} ${step.name}`
    this.lastSteps = [...this.lastSteps.slice(1 - keptSteps), line]
    await step.act(random, this.fabric)
    this.steps += 1
    this.counts.set(step.name, (this.counts.get(step.name) ?? 0) + 1)
  }

  async #waitForQuiet() {
    const begunAt = performance.now()
    while (!this.signal.aborted) {
      // A busy machine delays the neighbors too.
      const seen = await this.node
        .look()
        .catch((error) => ({ problem: error.message, status: null, rows: [] }))
      const mismatches =
        seen.problem === undefined
          ? findMismatches(this.node.manifest, this.model, seen)
          : [`cannot observe: ${seen.problem}`]
      const tookMs = performance.now() - begunAt
      if (mismatches.length === 0) {
        settleModel(this.model, seen)
        this.quiets += 1
        this.slowestQuietMs = Math.max(this.slowestQuietMs, tookMs)
        if (tookMs > 10_000)
          this.say(
            `${this.node.name}: burst ${this.burst} took ${Math.round(tookMs)} ms: ${this.lastSteps.slice(-8).join('; ')}; last: ${this.lastMismatches?.join('; ')}`,
          )
        this.#stock(seen)
        return null
      }
      this.lastMismatches = mismatches
      if (tookMs > quietTimeoutMs) return this.#fail(mismatches, seen)
      await delay(tookMs < 1000 ? 50 : 200)
    }
    return null
  }

  #stock({ status }) {
    if (this.steps < this.stockAt) return
    this.stockAt = this.steps + stepsToAStock
    const { controller } = this.node
    const sample = this.model.controller === 'running' ? takeStock(controller.pid) : null
    if (sample !== null) this.samples.push(sample)
    const guard = status?.guard?.pid ? takeStock(status.guard.pid) : null
    if (guard !== null) this.samples.push(guard)
    if (countFaults(this.model) === 0) this.machine.push({ pid: 0, processes: countProcesses() })
    if (this.steps % 100 < stepsToAStock) {
      const facts = sample === null ? 'no controller' : JSON.stringify(sample)
      this.say(`${this.node.name}: ${this.steps} steps, ${this.quiets} quiet points, ${facts}`)
    }
  }

  async #fail(mismatches, { status, rows }) {
    const { node, model } = this
    const tail = async (file, lines) =>
      (await readFile(file, 'utf8').catch((error) => error.message)).trimEnd().split('\n').slice(-lines)
    return {
      node: node.name,
      seed: this.seed,
      burst: this.burst,
      step: this.steps,
      mismatches,
      lastSteps: this.lastSteps,
      model: JSON.parse(JSON.stringify(model, (_, value) => (value instanceof Set ? [...value] : value))),
      rows,
      status,
      neighbors: await node.readNeighbors().catch((error) => error.message),
      kernel: await readKernel(node),
      log: await tail(join(node.dir, 'storm.log'), 400),
      guardLog: await tail(join(node.dir, 'run', 'guard.log'), 20),
      events: await tail(join(node.stateDir, 'events.jsonl'), 40),
    }
  }
}
