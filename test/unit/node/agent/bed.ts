import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, loadBundle } from '../../../../src/bundle/read.ts'
import { hashesOf, renderStatement } from '../../../../src/bundle/statement.ts'
import type { Change, ChangeResult } from '../../../../src/change/transport.ts'
import type { NodeView, Seen } from '../../../../src/change/view.ts'
import { type Clock, systemClock } from '../../../../src/clock/clock.ts'
import { writeFileAtomically } from '../../../../src/files/atomic-file.ts'
import { hashOf } from '../../../../src/files/hash.ts'
import { LocalStore } from '../../../../src/fleet/local/local-store.ts'
import type { ChangeReport } from '../../../../src/fleet/rollout/messages.ts'
import type { KeyValue, Store } from '../../../../src/fleet/store.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { plannerKeysName, renderPlannerKeys } from '../../../../src/manifest/planner-keys.ts'
import { Agent } from '../../../../src/node/agent/agent.ts'
import type { NodeSteps } from '../../../../src/node/agent/node-steps.ts'
import { Reachability } from '../../../../src/node/agent/reachability.ts'
import { StatePublisher } from '../../../../src/node/agent/state-publisher.ts'
import { StoreTransport } from '../../../../src/plan/rollout/store/store-transport.ts'
import { createLogTo } from '../../../../src/telemetry/log.ts'
import { patience } from '../../../patience.ts'
import { type Signer, signAs } from '../../bundle/signer.ts'

const golden = join(import.meta.dirname, '../../../golden/example/out/fra1/fra1-a')
export const self = { site: 'fra1', node: 'fra1-a' }
export const target = { node: 'fra1-a', host: '' }

export interface BundleOptions {
  /** Distinguishes the content. */
  readonly mark?: string
  readonly signer?: Signer | null
  /** Pinned by the bundle. */
  readonly keys?: readonly Signer[]
  readonly serial?: number
  readonly edit?: (manifest: Manifest) => Manifest
}

/** A store, a node and bundles in a folder; `systemClock` everywhere, unless a test says otherwise. */
export class Bed {
  readonly dir: string
  readonly log: Record<string, unknown>[] = []
  readonly #running: { stop: () => Promise<void> }[] = []
  #bundles = 0

  private constructor(dir: string) {
    this.dir = dir
  }

  static async start(installed: BundleOptions = {}): Promise<Bed> {
    const bed = new Bed(await mkdtemp(join(tmpdir(), 'anyward-agent-')))
    const { dir } = await bed.makeBundle(installed)
    await cp(dir, bed.bundleDir, { recursive: true })
    return bed
  }

  get bundleDir(): string {
    return join(this.dir, 'node/bundle')
  }

  openStore(): LocalStore {
    const store = new LocalStore(join(this.dir, 'store'), { lookEveryMs: 20 })
    this.#running.push({ stop: () => store.close() })
    return store
  }

  async makeBundle({ mark = '', signer = null, keys = [], serial = 1, edit }: BundleOptions = {}) {
    this.#bundles += 1
    const dir = join(this.dir, `bundle-${this.#bundles}`)
    await cp(golden, dir, { recursive: true })
    const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as Manifest
    const own = { ...manifest, paths: { ...manifest.paths, bundleDir: this.bundleDir } } as Manifest
    const files: Record<string, string> = { ...own.files }
    const [conf] = Object.keys(files).filter((name) => name.endsWith('.conf'))
    const text = `${await readFile(join(dir, conf!), 'utf8')}${mark === '' ? '' : `# ${mark}\n`}`
    await writeFile(join(dir, conf!), text)
    files[conf!] = hashOf(text)
    if (keys.length > 0) {
      const pinned = renderPlannerKeys(keys.map(({ key }) => `ssh-ed25519 ${key}`))
      await writeFile(join(dir, plannerKeysName), pinned)
      files[plannerKeysName] = hashOf(pinned)
    }
    const edited = { ...(edit ?? ((one) => one))(own), files }
    await writeFile(join(dir, 'manifest.json'), `${JSON.stringify(edited, null, 2)}\n`)
    if (signer !== null) {
      const { files: content } = await loadBundle(dir)
      const { site, node } = edited
      const statement = renderStatement({ format: 1, site, node, serial, files: hashesOf(content) })
      await writeFile(join(dir, 'statement.json'), statement)
      await writeFile(join(dir, 'statement.json.sig'), signAs(signer, statement))
    }
    const bundle = await loadBundle(dir)
    return { dir, digest: digestOf(bundle), manifest: bundle.manifest }
  }

  async installedDigest(): Promise<string> {
    return hashOf(await readFile(join(this.bundleDir, 'manifest.json'), 'utf8'))
  }

  startAgent(node: FakeNode, store: Store = this.openStore()): RunningAgent {
    const log = createLogTo({ write: (line) => void this.log.push(JSON.parse(line)) }, {})
    const parts = {
      store,
      clock: systemClock,
      self,
      steps: node,
      reachability: new Reachability(log, systemClock),
    }
    const state = new StatePublisher({ ...parts, onInstalled: () => {} })
    const agent = new Agent({ ...parts, state, log })
    state.start()
    const running = agent.run()
    const stop = async () => {
      agent.close()
      state.close()
      await store.close()
    }
    this.#running.push({ stop })
    return { running, kill: stop, finish: () => agent.finish() }
  }

  openTransport(clock: Clock = systemClock, fence: () => readonly KeyValue[] = () => []): StoreTransport {
    let nonces = 0
    const store = this.openStore()
    const transport = new StoreTransport({
      store,
      siteOf: () => self.site,
      createNonce: () => `order-${++nonces}-${Math.random().toString(36).slice(2)}`,
      clock,
      fence,
    })
    this.#running.push({ stop: async () => transport.close() })
    return transport
  }

  async value(key: string): Promise<string | undefined> {
    const read = await this.openStore().read([{ key }], patience(5000))
    if (read.outcome !== 'read') throw new Error(read.message)
    return read.values.get(key)
  }

  async keys(prefix: string): Promise<string[]> {
    const read = await this.openStore().read([{ prefix }], patience(5000))
    return read.outcome === 'read' ? [...read.values.keys()] : []
  }

  async write(entries: Readonly<Record<string, string>>): Promise<void> {
    const writes = Object.entries(entries).map(([key, value]) => ({ key, value }))
    await this.openStore().transact({ compares: [], writes }, patience(5000))
  }

  /** The report of a change that has ended. */
  async reportOf(change: string): Promise<ChangeReport> {
    const deadline = Date.now() + patience(20_000)
    for (;;) {
      const report = JSON.parse((await this.value('report/fra1/fra1-a')) ?? 'null') as ChangeReport | null
      if (report?.change === change && report.outcome !== 'running') return report
      if (Date.now() > deadline) throw new Error(`no report of ${change}: ${JSON.stringify(report)}`)
      await systemClock.sleep(20)
    }
  }

  async end(): Promise<void> {
    for (const { stop } of this.#running) await stop()
    // An agent that was killed may still be at a step.
    await rm(this.dir, { recursive: true, force: true, maxRetries: 10 })
  }
}

export interface RunningAgent {
  readonly running: Promise<void>
  /** Nothing of it runs on, and nothing is written any more. */
  readonly kill: () => Promise<void>
  readonly finish: () => void
}

/** A node whose steps are those of a real one, in short; one of them may never end. */
export class FakeNode implements NodeSteps {
  readonly bundleDir: string
  readonly fetchedDir: string
  /** What was done on the node. */
  readonly done: string[] = []
  /** Called before each step: a promise that does not resolve stands for a kill at that point. */
  onStep: (step: string) => Promise<void> = async () => {}
  drained = false

  constructor(bed: Bed) {
    this.bundleDir = bed.bundleDir
    this.fetchedDir = join(bed.dir, 'node/fetched')
  }

  async settle(): Promise<void> {
    await this.onStep('settle')
  }

  async look(): Promise<Seen> {
    await this.onStep('look')
    // Also after the end of a test.
    const text = await readFile(join(this.bundleDir, 'manifest.json'), 'utf8').catch(() => '')
    const bundle = hashOf(text)
    const view: NodeView = {
      bundle,
      serial: null,
      services: [],
      neighbors: [],
      intent: this.drained ? { intent: 'drain', reason: 'rollout r1' } : { intent: 'serve', reason: null },
      alarms: [],
    }
    return { outcome: 'seen', view }
  }

  async change({ dir, digest, drain, onStep }: Change): Promise<ChangeResult> {
    const begin = async (step: string) => {
      onStep(step)
      await this.onStep(step)
      this.done.push(step)
    }
    if (drain !== 'no') {
      await begin('drain')
      this.drained = true
    }
    await begin('apply')
    const next = await loadBundle(dir)
    if (digestOf(next) !== digest) return { outcome: 'failed', detail: 'another bundle' }
    const names = (await readdir(dir)).filter((name) => name !== 'manifest.json')
    for (const name of [...names, 'manifest.json']) {
      await writeFileAtomically(join(this.bundleDir, name), await readFile(join(dir, name), 'utf8'))
    }
    await this.onStep('applied')
    if (this.drained) {
      await begin('undrain')
      this.drained = false
    }
    return { outcome: 'changed', detail: 'applied' }
  }
}

export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + patience(20_000)
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so in time: ${what}`)
    await systemClock.sleep(10)
  }
}
