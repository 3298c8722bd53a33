import { askToRemovePermit } from '../../node/service/ask-controller.ts'
import { CommandError, exitCode } from '../failure.ts'
import { userOf } from '../force.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'
import { describeAbsence } from './describe-absence.ts'

export interface RemoveOptions extends NodeOptions {
  readonly reason: string
}

export async function removePermit(service: string, holder: string, options: RemoveOptions): Promise<void> {
  const [site, node, more] = holder.split('/')
  if (!site || !node || more !== undefined) {
    throw new CommandError(`${JSON.stringify(holder)} is not SITE/NODE`, {
      hint: '`anyward status --fleet` lists the permits',
    })
  }
  const manifest = await requireBundle(options)
  const by = userOf({ force: true, reason: options.reason })!
  const reply = await askToRemovePermit(manifest, { service, site, node, by, reason: options.reason })
  if (reply.outcome === 'absent') {
    throw new CommandError(`no controller is running for ${manifest.node}`, {
      hint: await describeAbsence(manifest, options),
    })
  }
  const removal = reply.status
  if (removal.outcome === 'failed') {
    throw new CommandError(`the store has not confirmed it: ${removal.message}`, {
      hint: 'see `anyward status --fleet`, and repeat it',
    })
  }
  const isRemoved = removal.outcome === 'removed'
  if (options.json) process.stdout.write(`${JSON.stringify({ removed: isRemoved }, null, 2)}\n`)
  else if (isRemoved) process.stdout.write(`${holder} is no longer in the register of ${service}\n`)
  else process.stdout.write(`the register of ${service} does not have ${holder}\n`)
  process.exitCode = isRemoved ? exitCode.fine : exitCode.findings
}
