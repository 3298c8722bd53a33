import { readManifest } from '../../bundle/read.ts'
import { systemClock } from '../../clock/clock.ts'
import { runIp } from '../../linux/ip.ts'
import { raisedNiceness, setOwnPriority } from '../../linux/scheduling-priority.ts'
import { createLog } from '../../telemetry/log.ts'
import { OperationError } from '../../text/operation-error.ts'
import { Guard, termsOf } from '../guard/guard.ts'
import { PlaceTakenError, takePlace } from '../guard/place.ts'
import { isStillWithdrawn } from '../withdraw/ladder.ts'
import { RemovedAddresses } from '../withdraw/removed-addresses.ts'
import { createDaemon } from './create-daemon.ts'
import { exitOnCrash } from './exit-on-crash.ts'
import { guardSerialOf } from './serials.ts'
import { withdrawFenced } from './withdraw-fenced.ts'

/** Runs the guard of a node until it has nothing to guard. Throws OperationError if it cannot start. */
export async function runGuard(bundle: string, programVersion: string, stay: boolean): Promise<void> {
  const manifest = await readManifest(bundle)
  if (termsOf(manifest).size === 0) {
    throw new OperationError(`no service of ${manifest.node} has a dead man's switch`, {
      hint: 'add one in fleet.yaml: `safety: { deadMan: 3s }`',
      outcome: 'refused',
    })
  }
  // A load that keeps the controller from renewing its deadline must not stop the guard.
  setOwnPriority(raisedNiceness)
  const { log, flush, end } = await createLog({ node: manifest.node, site: manifest.site, program: 'guard' })
  exitOnCrash((error) => {
    log.fatal(
      { event: 'crash', err: error },
      'internal error in the guard; a controller that runs starts another',
    )
    flush()
  })
  const place = await takePlace(manifest, systemClock).catch((error: unknown) => {
    if (!(error instanceof PlaceTakenError)) throw error
    throw new OperationError(error.message, { hint: 'if that process is stopped, kill it', cause: error })
  })
  const daemon = await createDaemon(manifest)
  const addresses = new RemovedAddresses({ manifest, runIp })
  const guard = new Guard({
    manifest,
    serial: guardSerialOf(manifest, programVersion),
    place,
    clock: systemClock,
    log,
    withdraw: (services, isOver) =>
      withdrawFenced({ manifest, daemon, addresses, services, clock: systemClock, isOver }),
    isStillWithdrawn: (services) => isStillWithdrawn({ manifest, daemon, services }),
    putBack: () => addresses.restore(),
    stay,
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => guard.stop())
  // SIGHUP comes from the terminal that the controller was started in.
  process.on('SIGHUP', () => {})
  await guard.run()
  await daemon.leave()
  log.info({ event: 'guard-ended' }, 'the guard ends: nothing is left to guard')
  await end()
}
