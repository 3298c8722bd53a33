import type { Server } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { createHttpServer, listen } from './http-server.ts'
import type { ListenerData, ThreadMessage, ThreadReply } from './listener.ts'
import { createPace } from './pace.ts'
import { jsonReply, type Reply, type Route } from './route.ts'

/** The thread of listener.ts. It takes requests, and asks the main thread for the answers. */

/** Of one processor, over time. */
const share = 0.05
const burstMs = 10

const main = parentPort!
const { places, routes, answerTimeoutMs } = workerData as ListenerData
const waiting = new Map<string, (reply: Reply) => void>()

main.on('message', ({ path, reply }: ThreadReply) => waiting.get(path)?.(reply))
const table = routes.map(
  (route): Route => ({ ...route, method: 'GET', access: 'anyone', answer: () => askMain(route.path) }),
)
const servers: Server[] = []
try {
  const onWork = createPace({ share, burstMs })
  const limits = { answerMs: answerTimeoutMs + 1000 }
  for (const where of places) {
    const server = createHttpServer({ routes: table, access: 'anyone', limits, onWork })
    servers.push(server)
    await listen(server, where).catch((error: NodeJS.ErrnoException) => {
      throw Object.assign(error, { where })
    })
    // Out of file descriptors: the next connection may find one.
    server.on('error', () => {})
  }
  tell({ kind: 'listening' })
} catch (error) {
  const { where, code = 'unknown' } = error as NodeJS.ErrnoException & { where: string }
  tell({ kind: 'failed', where, code })
  for (const server of servers) server.close()
  main.close()
}

/** One question per path is under way at a time: createHttpServer shares its answers. */
function askMain(path: string): Promise<Reply> {
  return new Promise((resolve) => {
    const late = setTimeout(
      () => settle(jsonReply(503, { error: 'the program is busy or hangs: it has not answered in time' })),
      answerTimeoutMs,
    )
    const settle = (reply: Reply) => {
      clearTimeout(late)
      waiting.delete(path)
      resolve(reply)
    }
    waiting.set(path, settle)
    tell({ kind: 'ask', path })
  })
}

function tell(message: ThreadMessage): void {
  main.postMessage(message)
}
