import type { OperatorOrder } from '../../control/order.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { OperationError } from '../../text/operation-error.ts'
import { controlSocketOf } from './control-socket.ts'

/** `absent`: no controller listens there. */
type NodeReply = { outcome: 'answered'; status: NodeStatus } | { outcome: 'absent' }

const replyTimeoutMs = 5000

/** Asks a node's controller for its status, or gives it an order. Throws OperationError. */
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
      throw new OperationError(`the controller of ${manifest.node} refused: ${reply.message}`, {
        hint: 'see its log and `anyward status`',
      })
    case 'forbidden':
      throw new OperationError(`no permission to open ${socketPath}`, {
        hint: 'run this as root',
        cause: reply.cause,
      })
    case 'unreadable':
      throw new OperationError(`the reply on ${socketPath} is not a controller's status: ${reply.problem}`, {
        hint: 'the controller may run another version: restart it, or use its version of anyward',
      })
    case 'failed':
      throw new OperationError(`the controller of ${manifest.node} did not answer on ${socketPath}`, {
        hint: 'check whether it is stopped or hangs; its log shows its last actions',
        cause: reply.cause,
      })
  }
}
