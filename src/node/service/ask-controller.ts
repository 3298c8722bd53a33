import type { ControlReply } from '../../control/client.ts'
import type { FleetStatus, PermitRemoval, PermitRemovalReply } from '../../control/fleet-status.ts'
import type { OperatorOrder } from '../../control/order.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { OperationError } from '../../text/operation-error.ts'
import { controlSocketOf } from './control-socket.ts'

/** `absent`: no controller listens there. */
export type NodeReply<T = NodeStatus> = { outcome: 'answered'; status: T } | { outcome: 'absent' }

/** The controller exists, perhaps, and has not answered this time. */
export class NoAnswer extends OperationError {}

const replyTimeoutMs = 5000
/** The controller asks the store, perhaps several times. */
const storeTimeoutMs = 30_000

/** Asks a node's controller for its status, or gives it an order. Throws OperationError. */
export async function askController(
  manifest: Manifest,
  order?: Partial<OperatorOrder>,
  timeoutMs = replyTimeoutMs,
): Promise<NodeReply> {
  const { askControl } = await import('../../control/client.ts')
  return judge(manifest, await askControl(controlSocketOf(manifest), order ?? null, timeoutMs))
}

/** Asks a node's controller for the state of the fleet. Throws OperationError. */
export async function askForFleet(
  manifest: Manifest,
  timeoutMs = replyTimeoutMs,
): Promise<NodeReply<FleetStatus>> {
  requireStore(manifest)
  const { askFleet } = await import('../../control/client.ts')
  return judge(manifest, await askFleet(controlSocketOf(manifest), timeoutMs))
}

/** Has a node taken out of a register of the store. Throws OperationError. */
export async function askToRemovePermit(
  manifest: Manifest,
  removal: PermitRemoval,
): Promise<NodeReply<PermitRemovalReply>> {
  requireStore(manifest)
  const { removePermit } = await import('../../control/client.ts')
  return judge(manifest, await removePermit(controlSocketOf(manifest), removal, storeTimeoutMs))
}

function requireStore({ node, store }: Manifest): void {
  if (store !== null) return
  throw new OperationError(`the fleet of ${node} has no store: its nodes know nothing of each other`, {
    hint: 'add `store` to fleet.yaml: docs/fleet.md',
  })
}

function judge<T>(manifest: Manifest, reply: ControlReply<T>): NodeReply<T> {
  const socketPath = controlSocketOf(manifest)
  switch (reply.outcome) {
    case 'answered':
    case 'absent':
      return reply
    case 'refused':
      throw new NoAnswer(`the controller of ${manifest.node} refused: ${reply.message}`, {
        hint: 'see its log and `anyward status`',
      })
    case 'forbidden':
      throw new OperationError(`no permission to open ${socketPath}`, {
        hint: 'run this as root',
        cause: reply.cause,
      })
    case 'unreadable':
      throw new NoAnswer(`the reply on ${socketPath} is not what a controller answers: ${reply.problem}`, {
        hint: 'the controller may run another version: restart it, or use its version of anyward',
      })
    case 'failed':
      throw new NoAnswer(`the controller of ${manifest.node} did not answer on ${socketPath}`, {
        hint: 'check whether it is stopped or hangs; its log shows its last actions',
        cause: reply.cause,
      })
  }
}
