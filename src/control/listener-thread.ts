import type { Server } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { Access } from './access/access.ts'
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
const { places, routes, answerTimeoutMs, pageDir, pageView, access: settings } = workerData as ListenerData
const underWay = new Map<
  string,
  { readonly reply: Promise<Reply>; readonly settle: (reply: Reply) => void }
>()

const onWork = createPace({ share, burstMs })
const streams = new Map<string, LiveStreams>()
// The state of a fleet may be large.
for (const [path, limits] of [
  [endpoints.live.path, {}],
  [endpoints.fleetLive.path, { leastGapMs: 1000 }],
] as const) {
  if (pageDir !== null && routes.some((route) => route.path === path))
    streams.set(path, new LiveStreams({ ask: () => askMain(path), onWork, ...limits }))
}
const gate = new Access({
  settings,
  onLook: (found) => tell({ kind: 'access', found }),
  onWrongToken: (from) => tell({ kind: 'wrong-token', from }),
})
main.on('message', (message: MainMessage) => {
  if (message.kind === 'answer') underWay.get(message.path)?.settle(message.reply)
  else for (const live of streams.values()) live.changed()
})
const table = routes.map(
  (route): Route => ({
    ...route,
    answer: route.method === 'GET' ? () => askMain(route.path) : (body, by) => order(route.path, body, by),
  }),
)
const servers: Server[] = []
try {
  if (pageDir !== null) table.push(...readPageFiles(pageDir, pageView))
  await gate.start()
  const limits = { answerMs: answerTimeoutMs + 1000 }
  for (const where of places) {
    const server = createHttpServer({
      routes: table,
      access: 'anyone',
      ...{ limits, onWork, streams, gate },
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
  gate.stop()
  for (const server of servers) server.close()
  main.close()
}

/** One at a time: what it changes is not known before its answer. */
function order(path: string, body: unknown, by: string | null): Promise<Reply> {
  if (!underWay.has(path)) return askMain(path, body, by)
  return Promise.resolve(jsonReply(409, { error: 'another order is under way: repeat this one' }))
}

/** One question per path is under way at a time. */
function askMain(path: string, body?: unknown, by: string | null = null): Promise<Reply> {
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
  tell({ kind: 'ask', path, body, by })
  return reply
}

function tell(message: ThreadMessage): void {
  main.postMessage(message)
}
