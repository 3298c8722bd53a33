import { join } from 'node:path'
import type { OperatorOrder } from '../../control/order.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { CommandError } from '../failure.ts'

/** `absent`: no controller listens there. */
type NodeReply = { outcome: 'answered'; status: NodeStatus } | { outcome: 'absent' }

const replyTimeoutMs = 5000

/** Where a node's controller takes orders. */
export function controlSocketOf(manifest: Manifest): string {
  return join(manifest.paths.runtimeDir, 'controller.sock')
}

/** Asks a node's controller for its status, or gives it an order. Throws CommandError. */
export async function askController(
  manifest: Manifest,
  order?: Partial<OperatorOrder>,
  timeoutMs = replyTimeoutMs,
): Promise<NodeReply> {
  const socketPath = controlSocketOf(manifest)
  const { askControl } = await import('../../control/client.ts')
  const reply = await askControl(socketPath, order ?? null, timeoutMs)
  switch (reply.outcome) {
    case 'answered':
    case 'absent':
      return reply
    case 'refused':
      throw new CommandError(`the controller of ${manifest.node} refused: ${reply.message}`)
    case 'forbidden':
      throw new CommandError(`${socketPath} may not be opened by this user`, {
        hint: 'run this as root',
        cause: reply.cause,
      })
    case 'unreadable':
      throw new CommandError(`the reply on ${socketPath} is no status of a controller: ${reply.problem}`, {
        hint: 'does the controller run another version? Restart it, or use its version of anyward',
      })
    case 'failed':
      throw new CommandError(`the controller of ${manifest.node} did not answer on ${socketPath}`, {
        hint: 'is it stopped, or hung? its log says what it did last',
        cause: reply.cause,
      })
  }
}
