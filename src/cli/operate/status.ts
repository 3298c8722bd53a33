import type { NodeStatus } from '../../control/status.ts'
import { isCutOff } from '../../fleet/exchange/remote-view.ts'
import { askController, askForFleet } from '../../node/service/ask-controller.ts'
import { describeFleetStatus, isFleetFine } from '../describe-fleet.ts'
import { CommandError, exitCode } from '../failure.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'
import { describeStatus } from '../print-status.ts'
import { paintFor } from '../terminal/color.ts'
import { withProgress } from '../terminal/progress.ts'
import { describeAbsence } from './describe-absence.ts'
import type { Watched } from './watch-status.ts'

interface StatusOptions extends NodeOptions {
  readonly fleet?: true
  readonly watch?: true
}

export async function runStatus(options: StatusOptions): Promise<void> {
  const manifest = await requireBundle(options)
  const absent = async () => ({
    message: `no controller is running for ${manifest.node}`,
    hint: await describeAbsence(manifest, options),
  })
  if (options.fleet) {
    const describeAbsent = async () => {
      const { message, hint } = await absent()
      return { message, hint: `${hint}\n    any other node of the fleet shows the same` }
    }
    const ask = (timeoutMs?: number) => askForFleet(manifest, timeoutMs)
    await show({ ask, describeAbsent, describe: describeFleetStatus, isFine: isFleetFine }, options)
    return
  }
  const ask = (timeoutMs?: number) => askController(manifest, undefined, timeoutMs)
  await show({ ask, describeAbsent: absent, describe: describeStatus, isFine: isServing }, options)
}

interface Shown<T> extends Watched<T> {
  readonly isFine: (status: T) => boolean
}

async function show<T>(shown: Shown<T>, { watch, json }: StatusOptions): Promise<void> {
  if (watch) {
    const { watchStatus } = await import('./watch-status.ts')
    return watchStatus(shown, json === true)
  }
  const reply = await withProgress({ lines: 'slow' }, (progress) => {
    progress.step('ask the controller')
    return shown.ask()
  })
  if (reply.outcome === 'absent') {
    const { message, hint } = await shown.describeAbsent()
    throw new CommandError(message, { hint })
  }
  const { status } = reply
  const text = json
    ? JSON.stringify(status, null, 2)
    : shown.describe(status, paintFor(process.stdout)).join('\n')
  process.stdout.write(`${text}\n`)
  process.exitCode = shown.isFine(status) ? exitCode.fine : exitCode.findings
}

/** Every service is healthy and announced, and this is verified at the daemon. */
function isServing(status: NodeStatus): boolean {
  return (
    status.daemon.verified &&
    // Both are missing in the answer of an older controller.
    (status.daemon.savedAnnouncements ?? []).length === 0 &&
    status.neighbors.every(({ bfd }) => (bfd?.problem ?? null) === null) &&
    status.services.every(
      (service) => service.health === 'healthy' && service.decision === 'announce' && !isCutOff(service),
    )
  )
}
