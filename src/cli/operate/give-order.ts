import type { OperatorOrder } from '../../control/order.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { askController } from '../../node/service/ask-controller.ts'
import { followOrder } from '../../node/service/follow-order.ts'
import { CommandError, exitCode } from '../failure.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'
import { printStatus } from '../print-status.ts'
import { type Progress, withProgress } from '../terminal/progress.ts'
import { describeAbsence } from './describe-absence.ts'

/** Extra time for a slow daemon or a busy machine, beyond what the settings of a stage say. */
const marginMs = 10_000

export interface Course {
  /** Whether the order is carried out. */
  readonly isReached: (status: NodeStatus) => boolean
  /** The longest time that the settings of a service allow. */
  readonly limitMs: (manifest: Manifest) => number
  /** The hint if no controller runs; `null`: to start it. */
  readonly hintIfAbsent: string | null
}

export type OrderOptions = NodeOptions & { readonly wait: boolean }

/** Gives the order, prints its progress to stderr, and prints the final status. */
export async function giveOrder(order: OperatorOrder, course: Course, options: OrderOptions): Promise<void> {
  const manifest = await requireBundle(options)
  const reply = await askController(manifest, order)
  if (reply.outcome === 'absent') {
    throw new CommandError(`no controller is running for ${manifest.node}`, {
      hint: course.hintIfAbsent ?? (await describeAbsence(manifest, options)),
    })
  }
  const status = options.wait
    ? await withProgress({ lines: 'each' }, (progress) =>
        followOrder({
          manifest,
          order,
          first: reply.status,
          isReached: course.isReached,
          limitMs: course.limitMs(manifest) + marginMs,
          onStatus: options.json === true ? () => {} : showNewStages(progress),
        }),
      )
    : reply.status
  printStatus(status, options.json === true)
  const isDone = options.wait ? course.isReached(status) : status.daemon.verified
  process.exitCode = isDone ? exitCode.fine : exitCode.findings
}

/** Shows the stages of each service when they change. */
function showNewStages(progress: Progress): (status: NodeStatus) => void {
  let shown = ''
  return (status) => {
    const now = describeStages(status)
    if (now !== shown) progress.step(now)
    shown = now
  }
}

function describeStages({ services, daemon }: NodeStatus): string {
  const stages = services.map(({ name, drain, decision }) => {
    if (drain.stage === 'none') return `${name}: ${decision}`
    return `${name}: ${drain.stage}${drain.waitingFor === null ? '' : `, ${drain.waitingFor}`}`
  })
  return `${stages.join('; ')}${daemon.verified ? '' : ' (not yet verified at the neighbors)'}`
}
