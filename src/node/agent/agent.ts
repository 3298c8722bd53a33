import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readPinned } from '../../bundle/pinned.ts'
import { digestOf, loadBundle, readBundle } from '../../bundle/read.ts'
import { verifyBundle } from '../../bundle/verify.ts'
import type { ChangeResult } from '../../change/transport.ts'
import type { Clock } from '../../clock/clock.ts'
import type { NodeName } from '../../fleet/exchange/keys.ts'
import { readArchive } from '../../fleet/rollout/archive.ts'
import { bundleFolder, reportKey, targetKey } from '../../fleet/rollout/keys.ts'
import {
  type ChangeReport,
  type RolloutTarget,
  readReport,
  readTarget,
  shorten,
} from '../../fleet/rollout/messages.ts'
import type { Store, Watch } from '../../fleet/store.ts'
import { compareBundles } from '../../manifest/compare/compare.ts'
import type { Log } from '../../telemetry/log.ts'
import { ConfigError } from '../../text/issue.ts'
import { OperationError } from '../../text/operation-error.ts'
import type { NodeSteps } from './node-steps.ts'
import { Publisher } from './publisher.ts'
import type { Reachability } from './reachability.ts'
import type { StatePublisher } from './state-publisher.ts'

/** Milliseconds. */
const times = { call: 15_000, firstPause: 500, longestPause: 15_000, betweenChanges: 1000 } as const

export interface AgentParts {
  readonly store: Store
  readonly clock: Clock
  readonly self: NodeName
  readonly steps: NodeSteps
  readonly state: StatePublisher
  readonly reachability: Reachability
  readonly log: Log
  /** A change has ended, well or not. */
  readonly onEnded?: (rollout: string, outcome: ChangeReport['outcome']) => void
}

/**
 * Carries out what a rollout orders for this node. All that it remembers is in its report: after a restart it goes on with
 * a target whose report does not say that it has ended. Every step may be repeated.
 */
export class Agent {
  readonly #parts: AgentParts
  readonly #publisher: Publisher
  readonly #watch: Watch
  readonly #closed = new AbortController()
  /** The text of the target; `undefined`: not known yet. */
  #target: string | null | undefined
  #wake = () => {}
  #isFinishing = false

  constructor(parts: AgentParts) {
    this.#parts = parts
    const { store, clock, self, reachability } = parts
    this.#publisher = new Publisher(store, clock, (failure) => reachability.take(failure))
    const key = targetKey(self)
    this.#watch = store.watch(key, (event) => {
      if (event.event === 'interrupted') return
      if (event.event === 'snapshot') this.#target = event.values.get(key) ?? null
      // The prefix fits other nodes too, with longer names.
      else for (const change of event.changes) if (change.key === key) this.#target = change.value
      this.#wake()
    })
  }

  /** Until it is closed, or has finished. */
  async run(): Promise<void> {
    let done = await this.#readDone()
    let refused: string | null = null
    while (!this.#isClosed && !this.#isFinishing) {
      const text = this.#target
      const target = text == null ? null : readTarget(text)
      if (text != null && target === null && refused !== text) {
        refused = text
        this.#parts.log.warn(
          { event: 'target', outcome: 'refused' },
          'the target in the store is none that this version reads',
        )
      }
      if (target === null || target.change === done) {
        await this.#pause(Number.POSITIVE_INFINITY, () => this.#target === text && !this.#isFinishing)
        continue
      }
      if (await this.#carryOut(target, text!)) done = target.change
      await this.#pause(times.betweenChanges, () => true)
    }
  }

  /** Ends it once no change is in progress. */
  finish(): void {
    this.#isFinishing = true
    this.#wake()
  }

  close(): void {
    this.#closed.abort()
    this.#watch.close()
    this.#publisher.close()
    this.#wake()
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted
  }

  /** Waits while `isIdle`, for the time at most. */
  async #pause(forMs: number, isIdle: () => boolean): Promise<void> {
    if (this.#isClosed || !isIdle()) return
    // Longer than a timer can count is for ever.
    await this.#parts.clock.sleep(Math.min(forMs, 2 ** 31 - 1), (wake) => {
      this.#wake = wake
    })
  }

  /** The change that this node has carried out last, as far as its report says. */
  async #readDone(): Promise<string | null> {
    const { store, clock, self, reachability } = this.#parts
    const key = reportKey(self)
    for (let pauseMs: number = times.firstPause; ; pauseMs = Math.min(2 * pauseMs, times.longestPause)) {
      if (this.#isClosed) return null
      const read = await store.read([{ key }], times.call)
      reachability.take(read.outcome === 'read' ? null : read.message)
      if (read.outcome === 'read') {
        const report = readReport(read.values.get(key) ?? '')
        return report !== null && report.outcome !== 'running' ? report.change : null
      }
      await clock.sleep(pauseMs, (wake) => {
        this.#wake = wake
      })
    }
  }

  /** Whether it has ended, well or not; otherwise there is another target, or the agent was closed. */
  async #carryOut(target: RolloutTarget, text: string): Promise<boolean> {
    const { log, state, self } = this.#parts
    const { change, rollout, digest } = target
    const steps: string[] = []
    const report = (outcome: ChangeReport['outcome'], detail: string) => {
      const said: ChangeReport = { format: 1, change, outcome, steps, detail: shorten(detail) }
      return this.#publisher.publish([{ key: reportKey(self), value: JSON.stringify(said) }])
    }
    const onStep = (step: string) => {
      log.info({ event: 'step', rollout, change, step }, step)
      steps.push(shorten(step))
      void report('running', '')
    }
    onStep('fetch the bundle')
    const files = await this.#fetch(target, text)
    if (files === null) return false
    const result =
      files === 'damaged'
        ? failed('the bundle in the store is damaged')
        : await this.#change(target, files, onStep)
    const facts = { event: 'change', rollout, change, bundle: digest, outcome: result.outcome }
    log[result.outcome === 'changed' ? 'info' : 'warn'](facts, result.detail)
    this.#parts.onEnded?.(rollout, result.outcome)
    await state.publishNow()
    await report(result.outcome, result.detail)
    return !this.#isClosed
  }

  /** `null`: there is another target meanwhile, or the agent was closed. */
  async #fetch(
    { archive }: RolloutTarget,
    text: string,
  ): Promise<ReadonlyMap<string, string> | 'damaged' | null> {
    const { store, reachability } = this.#parts
    for (let pauseMs: number = times.firstPause; ; pauseMs = Math.min(2 * pauseMs, times.longestPause)) {
      const read = await readArchive(store, bundleFolder(archive.hash), archive, times.call)
      reachability.take(read.outcome === 'failed' ? read.message : null)
      if (read.outcome === 'read') return read.files
      if (read.outcome === 'damaged') return 'damaged'
      await this.#pause(pauseMs, () => this.#target === text)
      if (this.#isClosed || this.#target !== text) return null
    }
  }

  async #change(
    target: RolloutTarget,
    files: ReadonlyMap<string, string>,
    onStep: (step: string) => void,
  ): Promise<ChangeResult> {
    const { steps } = this.#parts
    const { digest, rollout } = target
    try {
      await steps.settle()
      const dir = await this.#keep(files)
      const bundle = await loadBundle(dir)
      if (digestOf(bundle) !== digest) return failed('the bundle in the store is not the one of the target')
      const refusal = await this.#findRefusal(bundle)
      if (refusal !== null) return failed(refusal)
      const { manifest } = bundle
      const installed = await readBundle(steps.bundleDir)
      // The store alone must not be able to drain a node again and again.
      const drain = compareBundles(installed, manifest).effect === 'session-restart' ? target.drain : 'no'
      return await steps.change({ digest, dir, manifest, drain, rollout, onStep })
    } catch (error) {
      if (error instanceof ConfigError || error instanceof OperationError) return failed(error.message)
      const { code, message } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      return failed(message)
    } finally {
      await rm(steps.fetchedDir, { recursive: true, force: true }).catch(() => {})
    }
  }

  /** Before anything is done for it; `apply` verifies it again. */
  async #findRefusal(bundle: Awaited<ReturnType<typeof loadBundle>>): Promise<string | null> {
    const { self, steps } = this.#parts
    const { manifest } = bundle
    if (manifest.site !== self.site || manifest.node !== self.node)
      return `other-node: the bundle is for ${manifest.node} at ${manifest.site}`
    if (manifest.paths.bundleDir !== steps.bundleDir)
      return `the bundle would be installed in ${manifest.paths.bundleDir}, and not in ${steps.bundleDir}`
    const verdict = verifyBundle(bundle, await readPinned(steps.bundleDir))
    return verdict.ok ? null : `${verdict.refusal.reason}: ${verdict.refusal.message}`
  }

  async #keep(files: ReadonlyMap<string, string>): Promise<string> {
    const { fetchedDir } = this.#parts.steps
    await rm(fetchedDir, { recursive: true, force: true })
    await mkdir(fetchedDir, { mode: 0o700 })
    for (const [name, content] of files) await writeFile(join(fetchedDir, name), content)
    return fetchedDir
  }
}

function failed(detail: string): ChangeResult {
  return { outcome: 'failed', detail }
}
