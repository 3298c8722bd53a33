import { setTimeout as sleep } from 'node:timers/promises'
import type { OperatorOrder } from '../../control/order.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { askController } from '../../node/service/ask-controller.ts'
import { CommandError, exitCode } from '../failure.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'
import { printStatus } from '../print-status.ts'

const pollMs = 250
/** Extra time for a slow daemon or a busy machine, beyond what the settings of a stage say. */
const marginMs = 10_000

export interface Course {
  /** Whether the order is carried out. */
  readonly isReached: (status: NodeStatus) => boolean
  /** The longest time that the settings of a service allow. */
  readonly limitMs: (manifest: Manifest) => number
  /** The hint if no controller runs. */
  readonly hintIfAbsent: string
}

export type OrderOptions = NodeOptions & { readonly wait: boolean }

/** Gives the order, prints its progress to stderr, and prints the final status. */
export async function giveOrder(order: OperatorOrder, course: Course, options: OrderOptions): Promise<void> {
  const manifest = await requireBundle(options)
  const reply = await askController(manifest, order)
  if (reply.outcome === 'absent') {
    throw new CommandError(`no controller is running for ${manifest.node}`, { hint: course.hintIfAbsent })
  }
  const isQuiet = options.json === true
  const status = options.wait ? await follow(reply.status, manifest, order, course, isQuiet) : reply.status
  printStatus(status, options.json === true)
  const isDone = options.wait ? course.isReached(status) : status.daemon.verified
  process.exitCode = isDone ? exitCode.fine : exitCode.findings
}

async function follow(
  first: NodeStatus,
  manifest: Manifest,
  { intent }: OperatorOrder,
  course: Course,
  isQuiet: boolean,
): Promise<NodeStatus> {
  const deadline = performance.now() + course.limitMs(manifest) + marginMs
  let status = first
  let reported = ''
  for (;;) {
    const now = describeStages(status)
    if (now !== reported && !isQuiet) process.stderr.write(`${now}\n`)
    reported = now
    if (course.isReached(status) || performance.now() > deadline) return status
    if (status.operator.intent !== intent) {
      throw new CommandError(`${manifest.node}: a later order replaced this one: ${status.operator.intent}`, {
        exitCode: exitCode.findings,
      })
    }
    await sleep(pollMs)
    const reply = await askController(manifest)
    if (reply.outcome === 'answered') status = reply.status
    else if (performance.now() > deadline) {
      throw new CommandError(`the controller of ${manifest.node} has ended, and has not been restarted`, {
        hint: 'the order is stored: the next controller carries it out',
      })
    }
  }
}

function describeStages({ services, daemon }: NodeStatus): string {
  const stages = services.map(({ name, drain, decision }) => {
    if (drain.stage === 'none') return `${name}: ${decision}`
    return `${name}: ${drain.stage}${drain.waitingFor === null ? '' : `, ${drain.waitingFor}`}`
  })
  return `${stages.join('; ')}${daemon.verified ? '' : ' (not yet verified at the neighbors)'}`
}
