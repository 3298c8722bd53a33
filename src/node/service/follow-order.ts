import { type Clock, systemClock } from '../../clock/clock.ts'
import type { OperatorOrder } from '../../control/order.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { OperationError } from '../../text/operation-error.ts'
import { askController } from './ask-controller.ts'

const pollMs = 250

interface FollowOptions {
  readonly manifest: Manifest
  readonly order: OperatorOrder
  /** The controller's reply to the order. */
  readonly first: NodeStatus
  /** Whether the order is carried out. */
  readonly isReached: (status: NodeStatus) => boolean
  readonly limitMs: number
  readonly onStatus: (status: NodeStatus) => void
  readonly clock?: Clock
}

/**
 * Resolves with the status in which the order is carried out, or with the last one within the limit. Throws
 * OperationError if another order replaces it, or if the controller has ended.
 */
export async function followOrder(options: FollowOptions): Promise<NodeStatus> {
  const { manifest, order, isReached, limitMs, onStatus, clock = systemClock } = options
  const deadline = clock.now() + limitMs
  let status = options.first
  for (;;) {
    onStatus(status)
    if (isReached(status) || clock.now() > deadline) return status
    if (status.operator.intent !== order.intent) {
      throw new OperationError(
        `${manifest.node}: a later order replaced this one: ${status.operator.intent}`,
        { hint: 'see `anyward status`, and give the order again if it is still wanted', outcome: 'refused' },
      )
    }
    await clock.sleep(pollMs)
    const reply = await askController(manifest)
    if (reply.outcome === 'answered') status = reply.status
    else if (clock.now() > deadline) {
      throw new OperationError(`the controller of ${manifest.node} has ended, and has not been restarted`, {
        hint: 'the order is stored: the next controller carries it out',
      })
    }
  }
}
