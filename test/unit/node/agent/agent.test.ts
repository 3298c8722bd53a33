import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { filesToCopy, loadBundle } from '../../../../src/bundle/read.ts'
import type { Change } from '../../../../src/change/transport.ts'
import { systemClock } from '../../../../src/clock/clock.ts'
import { hashOf } from '../../../../src/files/hash.ts'
import { packArchive } from '../../../../src/fleet/rollout/archive.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { patience } from '../../../patience.ts'
import { makeSigner } from '../../bundle/signer.ts'
import { Bed, type BundleOptions, FakeNode, target, until } from './bed.ts'

let bed: Bed
afterEach(() => bed?.end())

const limitMs = patience(60_000)

type Made = Awaited<ReturnType<Bed['makeBundle']>>
const changeTo = ({ dir, digest, manifest }: Made, more: Partial<Change> = {}): Change => ({
  ...{ dir, digest, manifest, drain: 'no', rollout: 'r1', onStep: () => {} },
  ...more,
})

/** A change that restarts a session. */
const restarting = (manifest: Manifest): Manifest => ({
  ...manifest,
  neighbors: manifest.neighbors.map((neighbor) =>
    neighbor.session === undefined
      ? neighbor
      : { ...neighbor, session: { ...neighbor.session, timers: { holdS: 61, keepaliveS: 20 } } },
  ),
})

/** Stops at a step for ever, as a process that is killed there. */
function stopAt(node: FakeNode, step: string): Promise<void> {
  return new Promise((resolve) => {
    node.onStep = (begun) => {
      if (begun !== step) return Promise.resolve()
      resolve()
      return new Promise(() => {})
    }
  })
}

test(
  'a change orders the bundle, follows the steps of the agent, and ends with its report',
  async () => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    bed.startAgent(node)
    const transport = bed.openTransport()
    const before = await bed.installedDigest()
    expect((await transport.inspect(target))?.digest).toBe(before)
    const next = await bed.makeBundle({ mark: 'next', edit: restarting })
    const steps: string[] = []
    const result = await transport.change(
      target,
      changeTo(next, { drain: 'must', onStep: (step) => void steps.push(step) }),
    )
    expect(result).toEqual({ outcome: 'changed', detail: 'applied' })
    expect(steps).toEqual(['fetch the bundle', 'drain', 'apply', 'undrain'])
    expect(await bed.installedDigest()).toBe(next.digest)
    await until('the view has the new bundle', async () => {
      const seen = await transport.observe(target)
      return seen.outcome === 'seen' && seen.view?.bundle === next.digest
    })
    const installed = await transport.inspect(target)
    expect(installed?.digest).toBe(next.digest)
    expect(installed?.manifest).toEqual(next.manifest)
  },
  limitMs,
)

test(
  'a bundle that is gone or another one fails the change, and is not ordered',
  async () => {
    bed = await Bed.start()
    const transport = bed.openTransport()
    const next = await bed.makeBundle({ mark: 'next' })
    const other = await bed.makeBundle({ mark: 'other' })
    for (const [dir, detail] of [
      [`${next.dir}-gone`, 'is missing'],
      [other.dir, 'has another bundle now'],
    ] as const) {
      const result = await transport.change(target, changeTo({ ...next, dir }))
      expect(result).toEqual({ outcome: 'failed', detail: expect.stringContaining(detail) })
    }
    expect(await bed.keys('target/')).toEqual([])
  },
  limitMs,
)

test(
  'a node is drained only for a change that restarts a session',
  async () => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    bed.startAgent(node)
    const transport = bed.openTransport()
    const next = await bed.makeBundle({
      edit: (manifest) => ({ ...manifest, listen: ['127.0.0.1:9999'] }) as Manifest,
    })
    await transport.change(target, changeTo(next, { drain: 'must' }))
    // Again, as after a crash of the engine.
    await transport.change(target, changeTo(next, { drain: 'must' }))
    expect(node.done).toEqual(['apply', 'apply'])
  },
  limitMs,
)

test.each(['look', 'settle', 'drain', 'apply', 'applied', 'undrain'])(
  'an agent that is killed at `%s` completes the change after its restart',
  async (step) => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    const first = bed.startAgent(node)
    const transport = bed.openTransport()
    await transport.inspect(target)
    const next = await bed.makeBundle({ mark: 'next', edit: restarting })
    const stopped = stopAt(node, step)
    const result = transport.change(target, changeTo(next, { drain: 'must' }))
    await stopped
    await first.kill()
    node.onStep = async () => {}
    bed.startAgent(node)
    expect(await result).toEqual({ outcome: 'changed', detail: 'applied' })
    expect(await bed.installedDigest()).toBe(next.digest)
    expect(node.drained).toBe(false)
  },
  limitMs,
)

test(
  'an agent that is started again does not repeat a change that has ended',
  async () => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    const first = bed.startAgent(node)
    const transport = bed.openTransport()
    const next = await bed.makeBundle({ mark: 'next' })
    await transport.change(target, changeTo(next))
    await first.kill()
    bed.startAgent(node)
    const view = await bed.value('view/fra1/fra1-a')
    await until('it says something', async () => (await bed.value('view/fra1/fra1-a')) !== view)
    expect(node.done).toEqual(['apply'])
  },
  limitMs,
)

test(
  'an engine that is killed and starts again follows the change that it has ordered',
  async () => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    bed.startAgent(node)
    const next = await bed.makeBundle({ mark: 'next' })
    let goOn = () => {}
    const begun = new Promise<void>((resolve) => {
      node.onStep = (step) => {
        if (step !== 'apply') return Promise.resolve()
        resolve()
        return new Promise<void>((resume) => {
          goOn = resume
        })
      }
    })
    const first = bed.openTransport()
    void first.change(target, changeTo(next))
    await begun
    first.close()
    const second = bed.openTransport().change(target, changeTo(next))
    await until(
      'the second engine has read the target',
      async () => (await bed.keys('archive/')).length === 1,
    )
    goOn()
    expect(await second).toEqual({ outcome: 'changed', detail: 'applied' })
    expect(node.done).toEqual(['apply'])
  },
  limitMs,
)

test(
  'a node completes its change although the engine is gone',
  async () => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    const next = await bed.makeBundle({ mark: 'next' })
    const transport = bed.openTransport()
    void transport.change(target, changeTo(next))
    await until('the target is there', async () => (await bed.value('target/fra1/fra1-a')) !== undefined)
    transport.close()
    bed.startAgent(node)
    await until('the node has the bundle', async () => (await bed.installedDigest()) === next.digest)
  },
  limitMs,
)

test(
  'a change that failed is tried again when it is ordered again',
  async () => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    bed.startAgent(node)
    const transport = bed.openTransport()
    const next = await bed.makeBundle({ mark: 'next' })
    const change = node.change.bind(node)
    node.change = async () => ({ outcome: 'failed', detail: 'busy' })
    expect(await transport.change(target, changeTo(next))).toEqual({ outcome: 'failed', detail: 'busy' })
    node.change = change
    expect(await transport.change(target, changeTo(next))).toEqual({ outcome: 'changed', detail: 'applied' })
  },
  limitMs,
)

test(
  'an engine that does not have the lock of rollouts any more orders nothing',
  async () => {
    bed = await Bed.start()
    bed.startAgent(new FakeNode(bed))
    const next = await bed.makeBundle({ mark: 'next' })
    await bed.write({ 'rollout/lock': 'of another' })
    const hasty = { ...systemClock, now: () => systemClock.now() * 100, sleep: () => systemClock.sleep(20) }
    const transport = bed.openTransport(hasty, () => [{ key: 'rollout/lock', value: 'mine' }])
    expect((await transport.change(target, changeTo(next))).outcome).toBe('failed')
    expect(await bed.keys('target/')).toEqual([])
    await bed.write({ 'rollout/lock': 'mine' })
    expect(await transport.change(target, changeTo(next))).toEqual({ outcome: 'changed', detail: 'applied' })
  },
  limitMs,
)

test(
  'bundles that no target names are removed, and the others stay',
  async () => {
    bed = await Bed.start()
    bed.startAgent(new FakeNode(bed))
    const transport = bed.openTransport()
    const [first, second] = [await bed.makeBundle({ mark: '1' }), await bed.makeBundle({ mark: '2' })]
    await transport.change(target, changeTo(first))
    const keys = [...(await bed.keys('archive/')), ...(await bed.keys('bundle/'))]
    await transport.change(target, changeTo(second))
    await transport.clean()
    const left = [...(await bed.keys('archive/')), ...(await bed.keys('bundle/'))]
    expect(left).toHaveLength(2)
    expect(left.filter((key) => keys.includes(key))).toEqual([])
  },
  limitMs,
)

test(
  'a store that is lost is one line of the log, and its return another',
  async () => {
    bed = await Bed.start()
    const node = new FakeNode(bed)
    const store = bed.openStore()
    let isLost = false
    let tries = 0
    const lost = async () => {
      tries += 1
      return { outcome: 'unknown', message: 'no reply in time' } as const
    }
    bed.startAgent(node, {
      read: (...args) => (isLost ? lost() : store.read(...args)),
      transact: (...args) => (isLost ? lost() : store.transact(...args)),
      watch: store.watch.bind(store),
      close: () => store.close(),
    })
    const said = () => bed.log.filter(({ event }) => event === 'store').map(({ message }) => message)
    await until('it says something', async () => (await bed.value('view/fra1/fra1-a')) !== undefined)
    isLost = true
    const next = await bed.makeBundle({ mark: 'next' })
    const archive = (await packArchive(filesToCopy(await loadBundle(next.dir))))!
    await bed.write(targetOf(next, archive.ref))
    await until('it has noticed', () => said().length > 0)
    await until('it tries again', () => tries > 3)
    const before = await bed.installedDigest()
    expect(said()).toEqual(['the store: no reply in time; this node stays as it is until the store answers'])
    await bed.write({ [`bundle/${archive.ref.hash}/0`]: archive.chunks[0]! })
    expect(await bed.installedDigest()).toBe(before)
    isLost = false
    await until('the change is carried out', async () => (await bed.installedDigest()) === next.digest)
    expect(said()).toHaveLength(2)
  },
  limitMs,
)

function targetOf({ digest }: Made, archive: object, more: object = {}): Record<string, string> {
  const order = { format: 1, change: 'c1', rollout: 'r1', digest, archive, drain: 'must', ...more }
  return { 'target/fra1/fra1-a': JSON.stringify(order) }
}

describe('who can write every key of the store, and has no key of the planner', () => {
  const [planner, stranger] = [makeSigner(), makeSigner()]
  const signed = (more: BundleOptions): BundleOptions => ({
    signer: planner,
    keys: [planner],
    serial: 8,
    ...more,
  })
  const installed = signed({ serial: 7 })

  const bundles: [what: string, options: BundleOptions, problem: RegExp][] = [
    ['an unsigned bundle', { mark: 'x' }, /^unsigned: /],
    ['an unsigned bundle that pins the same keys', { mark: 'x', keys: [planner] }, /^unsigned: /],
    ['one of another key', signed({ mark: 'x', signer: stranger, keys: [stranger] }), /^unknown-key: /],
    ['an older one', signed({ mark: 'x', serial: 6 }), /^older: /],
    ['another one of the same serial', signed({ mark: 'x', serial: 7 }), /^older: /],
    [
      'one of another node',
      signed({ edit: (manifest) => ({ ...manifest, node: 'fra1-b' }) as Manifest }),
      /^other-node: /,
    ],
    [
      'one for another folder',
      signed({
        edit: (manifest) => ({ ...manifest, paths: { ...manifest.paths, bundleDir: '/tmp/x' } }) as Manifest,
      }),
      /would be installed in \/tmp\/x/,
    ],
  ]
  test.each(bundles)(
    'makes a node that has pinned keys neither run nor drain for %s',
    async (_what, options, problem) => {
      bed = await Bed.start(installed)
      const node = new FakeNode(bed)
      bed.startAgent(node)
      const before = await bed.installedDigest()
      const bundle = await bed.makeBundle(options)
      const archive = (await packArchive(filesToCopy(await loadBundle(bundle.dir))))!
      await bed.write({
        [`bundle/${archive.ref.hash}/0`]: archive.chunks[0]!,
        ...targetOf(bundle, archive.ref),
      })
      expect(await bed.reportOf('c1')).toMatchObject({
        outcome: 'failed',
        detail: expect.stringMatching(problem),
      })
      expect(node.done).toEqual([])
      expect(await bed.installedDigest()).toBe(before)
    },
    limitMs,
  )

  test(
    'can only bring the newest bundle that the planner has signed, and no drain with it twice',
    async () => {
      bed = await Bed.start(installed)
      const node = new FakeNode(bed)
      bed.startAgent(node)
      const bundle = await bed.makeBundle(signed({ mark: 'x', edit: restarting }))
      const archive = (await packArchive(filesToCopy(await loadBundle(bundle.dir))))!
      for (const change of ['c1', 'c2', 'c3']) {
        await bed.write({
          [`bundle/${archive.ref.hash}/0`]: archive.chunks[0]!,
          ...targetOf(bundle, archive.ref, { change }),
        })
        expect((await bed.reportOf(change)).outcome).toBe('changed')
      }
      expect(node.done.filter((step) => step === 'drain')).toHaveLength(1)
    },
    limitMs,
  )

  const packed = (value: unknown) => gzipSync(JSON.stringify(value)).toString('base64')
  const chunks: [what: string, chunk: string | null, problem: string][] = [
    ['no bundle', null, 'the bundle in the store is damaged'],
    ['no archive', 'x', 'the bundle in the store is damaged'],
    [
      'an archive that becomes too large',
      gzipSync(Buffer.alloc(70 * 2 ** 20)).toString('base64'),
      'the bundle in the store is damaged',
    ],
    [
      'a file outside of the folder',
      packed({ '../../../tmp/evil': 'x' }),
      'the bundle in the store is damaged',
    ],
    ['no manifest', packed({ 'bird.conf': 'x' }), 'is missing'],
  ]
  test.each(chunks)(
    'is refused with %s',
    async (_what, chunk, problem) => {
      bed = await Bed.start(installed)
      const node = new FakeNode(bed)
      bed.startAgent(node)
      const bundle = await bed.makeBundle(signed({ mark: 'x' }))
      const hash = hashOf(chunk ?? '')
      await bed.write({
        ...(chunk === null ? {} : { [`bundle/${hash}/0`]: chunk }),
        ...targetOf(bundle, { hash, chunks: 1 }),
      })
      const report = await bed.reportOf('c1')
      expect(report.outcome).toBe('failed')
      expect(report.detail).toContain(problem)
      expect(node.done).toEqual([])
    },
    limitMs,
  )

  test.each(['', 'null', '{}', '[1]', '{"format":2}', 'x'.repeat(300_000)])(
    'writes a target that is none, which is logged once: %.20s',
    async (text) => {
      bed = await Bed.start(installed)
      bed.startAgent(new FakeNode(bed))
      await bed.write({ 'target/fra1/fra1-a': text, 'target/fra1/fra1-ab': text })
      await until('it is logged', () => bed.log.some(({ event }) => event === 'target'))
      const bundle = await bed.makeBundle(signed({ mark: 'x' }))
      expect(await bed.openTransport().change(target, changeTo(bundle))).toMatchObject({ outcome: 'changed' })
      expect(bed.log.filter(({ event }) => event === 'target')).toHaveLength(1)
    },
    limitMs,
  )
})
