import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { z } from 'zod'

/** What the HTTP side asks of the controller. Answers are JSON but for the metrics. */
export interface HttpApi {
  /** Whether the controller can do its job: its daemon answers, and the neighbors have what was decided. */
  isWorking(): boolean
  status(): unknown
  metrics(): Promise<{ contentType: string; body: string }>
  /** Carries an operator's order out; resolves with the status after it. Rejects with a message for a person. */
  command(order: OperatorOrder): Promise<unknown>
}

const orderSchema = z.strictObject({
  intent: z.enum(['serve', 'drain', 'withdraw']),
  reason: z.string().max(500).nullable().default(null),
  /** Milliseconds from now; null: until told otherwise. */
  forMs: z
    .number()
    .int()
    .positive()
    .max(366 * 86_400_000)
    .nullable()
    .default(null),
})
export type OperatorOrder = z.infer<typeof orderSchema>

const maxBodyBytes = 4096

/**
 * The controller's HTTP server. `readOnly` for TCP, where anybody on the machine may ask; orders are taken
 * only on the Unix socket, which its file mode guards.
 */
export function createHttpServer(api: HttpApi, { readOnly }: { readOnly: boolean }): Server {
  const server = createServer((request, response) => {
    answer(api, readOnly, request, response).catch(() =>
      send(response, 500, { error: 'the controller failed' }),
    )
  })
  server.requestTimeout = 5000
  server.headersTimeout = 5000
  server.keepAliveTimeout = 1000
  server.maxConnections = 64
  return server
}

/** Listens on `address:port`, `[address]:port` or a path. Rejects with the system's error. */
export async function listen(server: Server, where: string): Promise<void> {
  const tcp = /^(?:\[([^\]]+)\]|([^:/]+)):(\d+)$/.exec(where)
  if (tcp) server.listen({ host: tcp[1] ?? tcp[2]!, port: Number(tcp[3]) })
  else server.listen({ path: where })
  await once(server, 'listening')
}

async function answer(
  api: HttpApi,
  readOnly: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?')[0]
  if (request.method === 'POST' && path === '/operator' && !readOnly) {
    await takeOrder(api, request, response)
    return
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, { error: 'only GET is answered here' })
    return
  }
  switch (path) {
    case '/healthz': {
      const working = api.isWorking()
      send(response, working ? 200 : 503, { working })
      return
    }
    case '/status':
      send(response, 200, api.status())
      return
    case '/metrics': {
      const { contentType, body } = await api.metrics()
      response.writeHead(200, { 'content-type': contentType }).end(body)
      return
    }
    default:
      send(response, 404, { error: 'there are /healthz, /status and /metrics' })
  }
}

async function takeOrder(api: HttpApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const order = orderSchema.safeParse(await readJson(request))
  if (!order.success) {
    send(response, 400, { error: 'not an order', issues: order.error.issues.map(({ message }) => message) })
    return
  }
  try {
    send(response, 200, await api.command(order.data))
  } catch (error) {
    send(response, 500, { error: error instanceof Error ? error.message : String(error) })
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > maxBodyBytes) return undefined
    chunks.push(chunk as Buffer)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, code: number, body: unknown): void {
  if (response.headersSent) {
    response.end()
    return
  }
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
