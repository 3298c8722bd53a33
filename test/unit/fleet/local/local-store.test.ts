import { link, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { build } from 'rolldown'
import { afterEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../../src/clock/clock.ts'
import { LocalStore, type LocalStoreOptions } from '../../../../src/fleet/local/local-store.ts'
import { describeStore, type StoreBed } from '../../../fleet-store.ts'
import { patience } from '../../../patience.ts'

/** What a stopped process waits for. */
function createGate() {
  let wait = Promise.resolve()
  return {
    wait: () => wait,
    close: async () => {
      let open = () => {}
      wait = new Promise((resolve) => {
        open = resolve
      })
      return async () => open()
    },
  }
}

async function startBed(): Promise<StoreBed> {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-store-'))
  const stores = new Set<LocalStore>()
  const [before, after, look] = [createGate(), createGate(), createGate()]
  /** Its timers wait too: then a watch does not look. */
  const clock: Clock = {
    ...systemClock,
    after: (delayMs, work) => systemClock.after(delayMs, () => void look.wait().then(work)),
  }
  const open = (options: LocalStoreOptions = {}) => {
    const store = new LocalStore(dir, { compactAfter: 50, lookEveryMs: 5, ...options })
    stores.add(store)
    return store
  }
  let opened = 0
  return {
    open: async () => {
      opened += 1
      if (opened === 1) return open()
      return open({
        clock,
        link: async (from, to) => {
          await before.wait()
          await link(from, to)
          await after.wait()
        },
      })
    },
    loseReplies: after.close,
    delayRequests: before.close,
    forgetChanges: async () => {
      const end = await look.close()
      const other = open()
      for (let write = 0; write < 120; write++) {
        await other.transact(
          { compares: [], writes: [{ key: 'filler', value: String(write) }] },
          patience(5000),
        )
      }
      await end()
    },
    stop: async () => {
      await Promise.all([...stores].map((store) => store.close()))
      await rm(dir, { recursive: true })
    },
  }
}

describeStore('a store in a folder', startBed)

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-store-'))
  undo.push(() => rm(dir, { recursive: true }))
  return dir
}

const put = (value: string) => ({ compares: [], writes: [{ key: 'k', value }] })
const withinMs = patience(5000)

test('a process that was stopped before its write finds no place to write to, also after several epochs', async () => {
  const dir = await makeFolder()
  const gate = createGate()
  const stopped = new LocalStore(dir, {
    link: async (from, to) => {
      await gate.wait()
      await link(from, to)
    },
  })
  const other = new LocalStore(dir, { compactAfter: 3 })
  await stopped.read([], withinMs)
  const resume = await gate.close()
  const compares = [{ key: 'k', value: null }]
  const late = stopped.transact({ ...put('late'), compares }, withinMs)
  for (let write = 0; write < 20; write++) await other.transact(put(String(write)), withinMs)
  await resume()
  expect(await late).toEqual({ outcome: 'conflict' })
  expect(await other.read([{ key: 'k' }], withinMs)).toMatchObject({ values: new Map([['k', '19']]) })
  expect(await stopped.read([{ key: 'k' }], withinMs)).toMatchObject({ values: new Map([['k', '19']]) })
})

test('the folder does not grow with the number of writes', async () => {
  const dir = await makeFolder()
  const store = new LocalStore(dir, { compactAfter: 10 })
  for (let write = 0; write < 205; write++) await store.transact(put(String(write)), withinMs)
  const names = await readdir(dir, { recursive: true })
  // One file names each epoch.
  expect(names.filter((name) => !name.startsWith('epoch-')).length).toBeLessThan(20)
})

test('processes that are killed while they write leave a store that works, and no half of a write', async () => {
  const dir = await makeFolder()
  const store = new LocalStore(dir)
  const program = join(await makeFolder(), 'local-store.mjs')
  await build({ input: 'src/fleet/local/local-store.ts', platform: 'node', output: { file: program } })
  const writer = `
    import { LocalStore } from '${program}'
    const store = new LocalStore('${dir}', { compactAfter: 7 })
    for (let n = 0; ; n++) {
      const writes = ['a', 'b'].map((key) => ({ key, value: process.pid + '-' + n }))
      await store.transact({ compares: [], writes }, 5000)
    }`
  for (let round = 0; round < 5; round++) {
    const running = [1, 2].map(() =>
      execa(process.execPath, ['--input-type=module', '-e', writer], { reject: false }),
    )
    const before = await store.read([{ key: 'a' }], withinMs)
    await expect
      .poll(() => store.read([{ key: 'a' }], withinMs), { timeout: patience(30_000) })
      .not.toEqual(before)
    for (const child of running) child.kill('SIGKILL')
    await Promise.all(running)
    const read = await store.read([{ prefix: '' }], withinMs)
    if (read.outcome !== 'read') throw new Error(read.message)
    expect(read.values.get('a')).toBe(read.values.get('b'))
  }
  expect(await store.transact(put('x'), withinMs)).toEqual({ outcome: 'committed' })
})

test('a folder that cannot be written is a refusal with its reason', async () => {
  const store = new LocalStore('/proc/anyward-store')
  expect(await store.transact(put('x'), withinMs)).toEqual({
    outcome: 'refused',
    message: expect.stringContaining('/proc/anyward-store'),
  })
})
