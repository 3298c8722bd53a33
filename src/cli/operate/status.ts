import type { NodeStatus } from '../../control/status.ts'
import { isCutOff } from '../../fleet/exchange/remote-view.ts'
import { askController, askForFleet } from '../../node/service/ask-controller.ts'
import { describeFleetStatus, isFleetFine } from '../describe-fleet.ts'
import { CommandError, exitCode } from '../failure.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'
import { printStatus } from '../print-status.ts'
import { describeAbsence } from './describe-absence.ts'

interface StatusOptions extends NodeOptions {
  readonly fleet?: true
}

export async function runStatus(options: StatusOptions): Promise<void> {
  if (options.fleet) return runFleetStatus(options)
  const manifest = await requireBundle(options)
  const reply = await askController(manifest)
  if (reply.outcome === 'absent') {
    throw new CommandError(`no controller is running for ${manifest.node}`, {
      hint: await describeAbsence(manifest, options),
    })
  }
  printStatus(reply.status, options.json === true)
  process.exitCode = isServing(reply.status) ? exitCode.fine : exitCode.findings
}

async function runFleetStatus(options: NodeOptions): Promise<void> {
  const manifest = await requireBundle(options)
  const reply = await askForFleet(manifest)
  if (reply.outcome === 'absent') {
    throw new CommandError(`no controller is running for ${manifest.node}`, {
      hint: `${await describeAbsence(manifest, options)}\n    any other node of the fleet shows the same`,
    })
  }
  const { status } = reply
  const text = options.json ? JSON.stringify(status, null, 2) : describeFleetStatus(status).join('\n')
  process.stdout.write(`${text}\n`)
  process.exitCode = isFleetFine(status) ? exitCode.fine : exitCode.findings
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
