import type { PermitRemovalReply } from '../../control/fleet-status.ts'
import { askToRemovePermit } from '../../node/service/ask-controller.ts'
import { CommandError, exitCode } from '../failure.ts'
import { userOf } from '../force.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'
import { withProgress } from '../terminal/progress.ts'
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
  const reply = await withProgress({ lines: 'slow' }, (progress) => {
    progress.step(`remove ${node} at ${site} from the register of ${service}`)
    return askToRemovePermit(manifest, { service, site, node, by, reason: options.reason })
  })
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
  if (options.json) {
    const { holders = [] } = removal.outcome === 'absent' ? removal : {}
    const document = isRemoved ? { removed: true } : { removed: false, holders }
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
  } else process.stdout.write(`${describeRemoval(service, holder, removal)}\n`)
  process.exitCode = isRemoved ? exitCode.fine : exitCode.findings
}

export function describeRemoval(
  service: string,
  holder: string,
  removal: Exclude<PermitRemovalReply, { outcome: 'failed' }>,
): string {
  if (removal.outcome === 'removed') return `${holder} is no longer in the register of ${service}`
  const { holders } = removal
  const present =
    holders === undefined ? '' : holders.length === 0 ? '; no node is in it' : `, only ${holders.join(', ')}`
  return `the register of ${service} does not have ${holder}${present}`
}
