import type { Server } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { endpoints } from './endpoints.ts'
import { createHttpServer, listen } from './http-server.ts'
import type { ListenerData, MainMessage, ThreadMessage } from './listener.ts'
import { createPace } from './pace.ts'
import { LiveStreams } from './page/live-streams.ts'
import { readPageFiles } from './page/page-files.ts'
import { jsonReply, type Reply, type Route } from './route.ts'

/** The thread of listener.ts. It takes requests, and asks the main thread for the answers. */

/** Of one processor, over time. */
const share = 0.05
const burstMs = 10

const main = parentPort!
const { places, routes, answerTimeoutMs, pageDir } = workerData as ListenerData
const underWay = new Map<
  string,
  { readonly reply: Promise<Reply>; readonly settle: (reply: Reply) => void }
>()

const onWork = createPace({ share, burstMs })
const live = pageDir === null ? null : new LiveStreams({ ask: () => askMain(endpoints.live.path), onWork })
main.on('message', (message: MainMessage) => {
  if (message.kind === 'changed') live?.changed()
  else underWay.get(message.path)?.settle(message.reply)
})
const table = routes.map(
  (route): Route => ({ ...route, method: 'GET', access: 'anyone', answer: () => askMain(route.path) }),
)
const servers: Server[] = []
try {
  if (pageDir !== null) table.push(...readPageFiles(pageDir))
  const limits = { answerMs: answerTimeoutMs + 1000 }
  for (const where of places) {
    const server = createHttpServer({
      routes: table,
      access: 'anyone',
      limits,
      onWork,
      ...(live && { live }),
    })
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

/** One question per path is under way at a time. */
function askMain(path: string): Promise<Reply> {
  const asked = underWay.get(path)
  if (asked !== undefined) return asked.reply
  let settle!: (reply: Reply) => void
  const reply = new Promise<Reply>((resolve) => {
    const late = setTimeout(
      () => settle(jsonReply(503, { error: 'the program is busy or hangs: it has not answered in time' })),
      answerTimeoutMs,
    )
    settle = (found) => {
      clearTimeout(late)
      underWay.delete(path)
      resolve(found)
    }
  })
  underWay.set(path, { reply, settle })
  tell({ kind: 'ask', path })
  return reply
}

function tell(message: ThreadMessage): void {
  main.postMessage(message)
}
