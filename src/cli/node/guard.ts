import { readManifest } from '../../bundle/read.ts'
import { runIp } from '../../linux/ip.ts'
import { setOwnPriority } from '../../linux/scheduling-priority.ts'
import { Guard, termsOf } from '../../node/guard/guard.ts'
import { PlaceTakenError, takePlace } from '../../node/guard/place.ts'
import { isStillWithdrawn, withdrawServices } from '../../node/withdraw/ladder.ts'
import { RemovedAddresses } from '../../node/withdraw/removed-addresses.ts'
import { createLog } from '../../telemetry/log.ts'
import { CommandError, exitCode } from '../failure.ts'
import { guardSerialOf } from '../versions.ts'
import { createDaemon } from './create-daemon.ts'

/** Above the other services, as the controller. */
const niceness = -10

export async function runGuard(bundle: string, stay: boolean): Promise<void> {
  const manifest = await readManifest(bundle)
  if (termsOf(manifest).size === 0) {
    throw new CommandError(`no service of ${manifest.node} has a dead man`, {
      hint: 'name one in fleet.yaml: `safety: { deadMan: 3s }`',
      exitCode: exitCode.findings,
    })
  }
  // What keeps the machine so busy that a controller can't renew must not keep us from noticing.
  setOwnPriority(niceness)
  const { log, flush, end } = createLog({ node: manifest.node, site: manifest.site, program: 'guard' })
  process.once('uncaughtException', (error) => {
    log.fatal({ event: 'crash', err: error }, 'the guard has a bug; a living controller starts another')
    flush()
    process.exit(exitCode.failed)
  })
  const place = await takePlace(manifest).catch((error: unknown) => {
    if (!(error instanceof PlaceTakenError)) throw error
    throw new CommandError(error.message, { hint: 'is it stopped? its process can be killed', cause: error })
  })
  const daemon = await createDaemon(manifest)
  const addresses = new RemovedAddresses({ manifest, runIp })
  const guard = new Guard({
    manifest,
    serial: guardSerialOf(manifest),
    place,
    log,
    withdraw: (services, isOver) => withdrawServices({ manifest, daemon, addresses, services, isOver }),
    isStillWithdrawn: (services) => isStillWithdrawn({ manifest, daemon, addresses, services }),
    putBack: () => addresses.restore(),
    stay,
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => guard.stop())
  // Of the terminal that a controller was started from.
  process.on('SIGHUP', () => {})
  await guard.run()
  daemon.close()
  log.info({ event: 'guard-ended' }, 'the guard ends: nothing is left to guard')
  await end()
  process.exit(exitCode.fine)
}
