import { systemClock } from '../../clock/clock.ts'
import type { NodeStatus } from '../../control/status.ts'
import { runIp } from '../../linux/ip.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { OperationError } from '../../text/operation-error.ts'
import { askGuard } from '../guard/ask.ts'
import { termsOf } from '../guard/guard.ts'
import { guardSocketOf } from '../guard/protocol.ts'
import { operatorFile } from '../state/node-state.ts'
import type { Withdrawal } from '../withdraw/ladder.ts'
import { type RemovedAddress, RemovedAddresses } from '../withdraw/removed-addresses.ts'
import { askController } from './ask-controller.ts'
import { createDaemon } from './create-daemon.ts'
import { withdrawFenced } from './withdraw-fenced.ts'

/** A controller that works sends its status within milliseconds. */
const wakeTimeoutMs = 1500

export type WithdrawOutcome =
  | { readonly by: 'controller'; readonly status: NodeStatus }
  | {
      readonly by: 'command'
      readonly services: ReadonlySet<string>
      readonly withdrawal: Withdrawal
      readonly removed: readonly RemovedAddress[]
    }

export interface WithdrawOrder {
  readonly reason: string | null
  /** The user whose order needs no permit; `null`: it needs one. */
  readonly by: string | null
  readonly forcedBy: string | null
}

/** Withdraws every service: through the controller or, if it does not answer, directly. */
export async function withdrawNode(manifest: Manifest, order: WithdrawOrder): Promise<WithdrawOutcome> {
  const failures: string[] = []
  const status = await orderController(manifest, order, failures)
  // Without the permit, the service stays: what the controller refuses is not done behind its back.
  const isRefused = status?.services.some(({ decision }) => decision !== 'withdraw') ?? false
  if (status !== null && (status.daemon.verified || isRefused)) return { by: 'controller', status }
  if (status !== null) failures.push('the controller took the order, but the daemon has not carried it out')
  else await persistIntent(manifest, order, failures)
  const services = new Set(manifest.services.map(({ name }) => name))
  return withdrawDirectly(manifest, services, failures)
}

/** After a controller that failed: withdraws services that have a dead man's switch but no guard. `null`: there are none. */
export async function withdrawUnguarded(manifest: Manifest): Promise<WithdrawOutcome | null> {
  const guard = await askGuard(guardSocketOf(manifest), { type: 'ask' })
  guard?.socket.destroy()
  const unguarded = [...termsOf(manifest).keys()].filter((name) => guard?.reply.leases[name] === undefined)
  return unguarded.length === 0 ? null : withdrawDirectly(manifest, new Set(unguarded), [])
}

/** `null`: no controller answers. */
async function orderController(
  manifest: Manifest,
  order: WithdrawOrder,
  failures: string[],
): Promise<NodeStatus | null> {
  try {
    // A short question first: a controller that hangs must not delay the withdrawal.
    const awake = await askController(manifest, undefined, wakeTimeoutMs)
    if (awake.outcome === 'absent') return null
    const reply = await askController(manifest, { intent: 'withdraw', ...order, forMs: null })
    return reply.outcome === 'answered' ? reply.status : null
  } catch (error) {
    if (!(error instanceof OperationError)) throw error
    failures.push(
      `${error.message}: bypassed. If it resumes it may announce again: kill its process, or restart it`,
    )
    return null
  }
}

/** The next controller must not announce what an operator has withdrawn. */
async function persistIntent(manifest: Manifest, order: WithdrawOrder, failures: string[]): Promise<void> {
  const { stateDir } = manifest.paths
  const file = operatorFile(stateDir, () => {})
  try {
    const operator = { intent: 'withdraw', ...order, since: systemClock.wall(), until: null } as const
    await file.save({ format: 1, operator })
  } catch (error) {
    failures.push(
      `${(error as Error).message}: a controller that starts now does not know of this withdrawal, and announces again`,
    )
  } finally {
    await file.close()
  }
}

async function withdrawDirectly(
  manifest: Manifest,
  services: ReadonlySet<string>,
  failures: readonly string[],
): Promise<WithdrawOutcome> {
  const daemon = await createDaemon(manifest)
  const addresses = new RemovedAddresses({ manifest, runIp })
  const result = await withdrawFenced({ manifest, daemon, addresses, services, clock: systemClock })
  await daemon.leave()
  const withdrawal = { ...result, troubles: [...new Set([...failures, ...result.troubles])] }
  return { by: 'command', services, withdrawal, removed: addresses.removed }
}
