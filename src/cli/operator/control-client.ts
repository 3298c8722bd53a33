import { request } from 'node:http'
import { join } from 'node:path'
import type { OperatorOrder } from '../../control/order.ts'
import type { NodeStatus } from '../../controller/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { CommandError } from '../failure.ts'

/** `absent`: no controller listens there. */
type ControlReply = { outcome: 'answered'; status: NodeStatus } | { outcome: 'absent' }

const replyTimeoutMs = 5000
const maxReplyBytes = 16 * 1024 * 1024

/** Where a node's controller takes orders. */
export function controlSocketOf(manifest: Manifest): string {
  return join(manifest.paths.runtimeDir, 'controller.sock')
}

/** Asks a node's controller for its status, or gives it an order. Throws CommandError. */
export async function askController(
  manifest: Manifest,
  order?: Partial<OperatorOrder>,
  timeoutMs = replyTimeoutMs,
): Promise<ControlReply> {
  const socketPath = controlSocketOf(manifest)
  try {
    const { code, body } =
      order === undefined
        ? await exchange({ socketPath, method: 'GET', path: '/status', timeoutMs })
        : await exchange({ socketPath, method: 'POST', path: '/operator', timeoutMs }, JSON.stringify(order))
    const reply: unknown = JSON.parse(body)
    if (code === 200) return { outcome: 'answered', status: reply as NodeStatus }
    const said = (reply as { error?: unknown }).error
    throw new CommandError(
      `the controller of ${manifest.node} refused: ${typeof said === 'string' ? said : body}`,
    )
  } catch (error) {
    if (error instanceof CommandError) throw error
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return { outcome: 'absent' }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new CommandError(`${socketPath} may not be opened by this user`, {
        hint: 'run this as root',
        cause: error,
      })
    }
    throw new CommandError(`the controller of ${manifest.node} did not answer on ${socketPath}`, {
      hint: 'is it stopped, or hung? its log says what it did last',
      cause: error,
    })
  }
}

function exchange(
  { timeoutMs, ...where }: { socketPath: string; method: string; path: string; timeoutMs: number },
  body?: string,
): Promise<{ code: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request({ ...where, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > maxReplyBytes) response.destroy(new Error('the reply is too long'))
      })
      response.on('error', reject)
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body: text }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
