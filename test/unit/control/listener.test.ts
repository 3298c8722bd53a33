import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { ListenError, type Listener, startListener } from '../../../src/control/listener.ts'
import { jsonReply, type Route } from '../../../src/control/route.ts'

let listener: Listener | null = null
afterEach(async () => {
  await listener?.close()
  listener = null
})

const get = { method: 'GET', shareMs: 0 } as const
const routes: Route[] = [
  { ...get, path: '/open', access: 'anyone', answer: () => jsonReply(200, 'open') },
  { ...get, path: '/fault', access: 'anyone', answer: () => Promise.reject(new Error('a secret')) },
  { ...get, path: '/private', access: 'owner', answer: () => jsonReply(200, 'private') },
]
const base = { places: ['127.0.0.1:1'], routes, firstRetryMs: 1, onEnd: () => {} }

/** A thread that runs this code instead of ours; it has `tell` and `data`. */
function threadOf(code: string): URL {
  const head = `import { parentPort, workerData as data } from 'node:worker_threads'
    const tell = (message) => parentPort.postMessage(message)\n`
  return new URL(`data:text/javascript,${encodeURIComponent(head + code)}`)
}

function deferred<T>() {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

describe('the HTTP thread', () => {
  test('gets the public routes, and no others', async () => {
    const threadModule = threadOf(`
      if (data.routes.map(({ path }) => path).join() === '/open,/fault') tell({ kind: 'listening' })
      else tell({ kind: 'failed', where: JSON.stringify(data), code: 'routes' })
      parentPort.on('message', () => {})`)
    listener = await startListener({ ...base, threadModule })
  })

  test('gets its answers from this thread, and an error shows no message', async () => {
    // It requests a path, and ends with the answer as the cause.
    for (const [path, said] of [
      ['/open', '"open"'],
      ['/fault', 'the request failed'],
    ] as const) {
      const threadModule = threadOf(`
        tell({ kind: 'listening' })
        tell({ kind: 'ask', path: '${path}' })
        parentPort.on('message', ({ reply }) => { throw new Error(reply.body) })`)
      const ended = deferred<string>()
      listener = await startListener({ ...base, firstRetryMs: 60_000, threadModule, onEnd: ended.resolve })
      const cause = await ended.promise
      expect(cause).toContain(said)
      expect(cause).not.toContain('secret')
      await listener.close()
    }
  })

  test('that ends is started again, after a growing delay', async () => {
    const threadModule = threadOf(`tell({ kind: 'listening' }); throw new Error('broken')`)
    const retries: number[] = []
    const enough = deferred<void>()
    const onEnd = (cause: string, retryMs: number) => {
      expect(cause).toBe('broken')
      retries.push(retryMs)
      if (retries.length === 4) enough.resolve()
    }
    listener = await startListener({ ...base, threadModule, onEnd })
    await enough.promise
    expect(retries.slice(0, 4)).toEqual([1, 2, 4, 8])
  })

  test('that ends before this one has seen that it listens is started again as well', async () => {
    const threadModule = threadOf(`tell({ kind: 'listening' }); throw new Error('broken')`)
    const again = deferred<void>()
    const starting = startListener({ ...base, threadModule, onEnd: () => again.resolve() })
    // Blocks this thread until the other one has come and gone.
    const countThreads = () => readdirSync('/proc/self/task').length
    let most = countThreads()
    for (let count = most; count >= most; count = countThreads()) most = count
    listener = await starting
    await again.promise
  })

  test('that runs out of memory ends without this process', async () => {
    const threadModule = threadOf(
      `tell({ kind: 'listening' }); const all = []; for (;;) all.push(new Array(1000).fill(all))`,
    )
    const ended = deferred<string>()
    listener = await startListener({ ...base, firstRetryMs: 60_000, threadModule, onEnd: ended.resolve })
    expect(await ended.promise).toContain('memory')
  }, 30_000)

  test('that cannot listen reports the address and the reason, and is not started again', async () => {
    const threadModule = threadOf(`tell({ kind: 'failed', where: data.places[0], code: 'EADDRINUSE' })`)
    const starting = startListener({ ...base, threadModule, onEnd: () => expect.unreachable() })
    await expect(starting).rejects.toThrow(new ListenError('127.0.0.1:1', 'EADDRINUSE'))
  })
})
