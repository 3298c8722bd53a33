import { request } from 'node:http'
import type * as z from 'zod'
import { endpoints } from './endpoints.ts'
import type { FleetStatus, PermitRemoval, PermitRemovalReply } from './fleet-status.ts'
import { type OperatorOrder, orderVersion } from './order.ts'
import { type NodeStatus, statusSchema } from './status.ts'

export type ControlReply<T = NodeStatus> =
  | { readonly outcome: 'answered'; readonly status: T }
  /** No controller listens there. */
  | { readonly outcome: 'absent' }
  /** This user may not open the socket. */
  | { readonly outcome: 'forbidden'; readonly cause: unknown }
  /** The controller did not carry out the request; `message` is its own. */
  | { readonly outcome: 'refused'; readonly message: string }
  /** The reply is not what this program knows: another version, or another program. */
  | { readonly outcome: 'unreadable'; readonly problem: string }
  /** No reply in time, or the connection ended. */
  | { readonly outcome: 'failed'; readonly cause: unknown }

const maxReplyBytes = 16 * 1024 * 1024

/** Asks the controller at a Unix socket for its status, or gives it an order. Never rejects. */
export async function askControl(
  socketPath: string,
  order: Partial<OperatorOrder> | null,
  timeoutMs: number,
): Promise<ControlReply> {
  const { method, path } = order === null ? endpoints.status : endpoints.order
  const body = order === null ? undefined : JSON.stringify({ version: orderVersion, ...order })
  return ask({ socketPath, method, path, timeoutMs }, body, statusSchema)
}

/** Asks for the state of the fleet. Never rejects. */
export async function askFleet(socketPath: string, timeoutMs: number): Promise<ControlReply<FleetStatus>> {
  const { fleetStatusSchema } = await import('./fleet-status.ts')
  return ask({ socketPath, ...endpoints.fleet, timeoutMs }, undefined, fleetStatusSchema)
}

/** Has a node taken out of a register. Never rejects. */
export async function removePermit(
  socketPath: string,
  removal: PermitRemoval,
  timeoutMs: number,
): Promise<ControlReply<PermitRemovalReply>> {
  const { permitRemovalReplySchema } = await import('./fleet-status.ts')
  const where = { socketPath, ...endpoints.permitRemoval, timeoutMs }
  return ask(where, JSON.stringify(removal), permitRemovalReplySchema)
}

interface Where {
  readonly socketPath: string
  readonly method: string
  readonly path: string
  readonly timeoutMs: number
}

async function ask<T>(
  where: Where,
  body: string | undefined,
  schema: z.ZodType<T>,
): Promise<ControlReply<T>> {
  try {
    return read(await exchange(where, body), schema)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return { outcome: 'absent' }
    if (code === 'EACCES' || code === 'EPERM') return { outcome: 'forbidden', cause }
    return { outcome: 'failed', cause }
  }
}

function read<T>({ code, body }: { code: number; body: string }, schema: z.ZodType<T>): ControlReply<T> {
  let document: unknown
  try {
    document = JSON.parse(body)
  } catch {
    return { outcome: 'unreadable', problem: 'it is not JSON' }
  }
  if (code !== 200) return { outcome: 'refused', message: readError(document) ?? `code ${code}` }
  const status = schema.safeParse(document)
  if (status.success) return { outcome: 'answered', status: status.data }
  const [issue] = status.error.issues
  return { outcome: 'unreadable', problem: `${issue!.path.join('.') || 'document'}: ${issue!.message}` }
}

function readError(document: unknown): string | null {
  if (typeof document !== 'object' || document === null || !('error' in document)) return null
  return typeof document.error === 'string' ? document.error : null
}

function exchange(
  { socketPath, method, path, timeoutMs }: Where,
  body?: string,
): Promise<{ code: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request(
      { socketPath, method, path, headers, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
          if (text.length > maxReplyBytes) response.destroy(new Error('the reply is too long'))
        })
        response.on('error', reject)
        response.on('end', () => resolve({ code: response.statusCode ?? 0, body: text }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
