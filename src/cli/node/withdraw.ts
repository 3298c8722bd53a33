import { readManifest } from '../../bundle/read.ts'
import type { NodeStatus } from '../../control/status.ts'
import { runIp } from '../../linux/ip.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { askGuard } from '../../node/guard/ask.ts'
import { termsOf } from '../../node/guard/guard.ts'
import { guardSocketOf } from '../../node/guard/protocol.ts'
import { operatorFile } from '../../node/state/node-state.ts'
import { type Way, type Withdrawal, withdrawServices } from '../../node/withdraw/ladder.ts'
import { commandToRestore, RemovedAddresses } from '../../node/withdraw/removed-addresses.ts'
import { CommandError, exitCode } from '../failure.ts'
import { askController } from '../operator/control-client.ts'
import { type NodeOptions, requireBundle } from '../operator/locate-bundle.ts'
import { printStatus } from '../operator/status.ts'
import { createDaemon } from './create-daemon.ts'

export type WithdrawOptions = NodeOptions & { reason?: string; afterStop?: true }

/** A controller that works tells its status in milliseconds. */
const wakeTimeoutMs = 1500

export async function runWithdraw(options: WithdrawOptions): Promise<void> {
  // Whatever else of the bundle was changed is no reason not to withdraw.
  const manifest = await requireBundle(options, readManifest)
  await (options.afterStop === true ? withdrawAfterStop(manifest, options) : withdraw(manifest, options))
}

async function withdraw(manifest: Manifest, options: WithdrawOptions): Promise<void> {
  const troubles: string[] = []
  const status = await orderController(manifest, options.reason ?? null, troubles)
  if (status?.daemon.verified === true) {
    printStatus(
      options.json === true ? Object.assign(status, { way: 'controller' }) : status,
      options.json === true,
    )
    if (options.json !== true) process.stdout.write('  withdrawn by: controller\n')
    return
  }
  if (status !== null) troubles.push('the controller was told, and the daemon does not do as it says')
  else await persistIntent(manifest, options.reason ?? null, troubles)
  const services = new Set(manifest.services.map(({ name }) => name))
  await withdrawAlone(manifest, services, options.json === true, troubles)
}

/** `null`: there is none that answers. */
async function orderController(
  manifest: Manifest,
  reason: string | null,
  troubles: string[],
): Promise<NodeStatus | null> {
  try {
    // One that hangs is found out before it is waited for.
    const awake = await askController(manifest, undefined, wakeTimeoutMs)
    if (awake.outcome === 'absent') return null
    const reply = await askController(manifest, { intent: 'withdraw', reason, forMs: null })
    return reply.outcome === 'answered' ? reply.status : null
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    troubles.push(
      `${error.message}: passed over. If it goes on it may announce again: end its process, or start it anew`,
    )
    return null
  }
}

/** For the next controller: it is not to announce what somebody has withdrawn by hand. */
async function persistIntent(manifest: Manifest, reason: string | null, troubles: string[]): Promise<void> {
  const { stateDir } = manifest.paths
  const file = operatorFile(stateDir, () => {})
  try {
    const operator = { intent: 'withdraw', reason, since: Date.now(), until: null } as const
    await file.save({ format: 1, operator })
  } catch (error) {
    troubles.push(
      `${(error as Error).message}: a controller that starts now does not know of this, and announces again`,
    )
  } finally {
    await file.close()
  }
}

async function withdrawAfterStop(manifest: Manifest, options: WithdrawOptions): Promise<void> {
  // It has done what `onStop` says, or gives way to the next.
  if (process.env.SERVICE_RESULT === 'success') return
  const guard = await askGuard(guardSocketOf(manifest), { type: 'ask' })
  guard?.socket.destroy()
  const unguarded = [...termsOf(manifest).keys()].filter((name) => guard?.reply.leases[name] === undefined)
  if (unguarded.length === 0) return
  await withdrawAlone(manifest, new Set(unguarded), options.json === true, [])
}

/** Without the controller, by whatever way is left; says which, and what the neighbors have afterwards. */
async function withdrawAlone(
  manifest: Manifest,
  services: ReadonlySet<string>,
  json: boolean,
  troubles: readonly string[],
): Promise<void> {
  const daemon = await createDaemon(manifest)
  const addresses = new RemovedAddresses({ manifest, runIp })
  const result = await withdrawServices({ manifest, daemon, addresses, services })
  daemon.close()
  const all = { ...result, troubles: [...new Set([...troubles, ...result.troubles])] }
  if (json) {
    printJson(manifest, services, all, addresses)
  } else {
    for (const trouble of all.troubles) process.stderr.write(`anyward: ${trouble}\n`)
    process.stdout.write(`${manifest.node}: ${sayHow(manifest, all)}\n`)
  }
  for (const held of addresses.removed)
    process.stderr.write(`    put it back with: ${commandToRestore(held)}\n`)
  if (result.withdrawn) return
  if (result.left === null) process.exitCode = exitCode.failed
  else process.exitCode = exitCode.findings
}

function printJson(
  manifest: Manifest,
  named: ReadonlySet<string>,
  { left, ...result }: Withdrawal,
  addresses: RemovedAddresses,
): void {
  const services = manifest.services
    .filter(({ name }) => named.has(name))
    .map(({ name, prefixes }) => ({
      name,
      health: 'unknown',
      decision: 'withdraw',
      reason: 'operator-withdrew',
      since: new Date().toISOString(),
      announced: (left ?? []).filter(({ prefix }) => prefixes.includes(prefix)),
    }))
  const { node, site } = manifest
  const document = { node, site, ...result, looked: left !== null, held: addresses.removed, services }
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

function sayHow(manifest: Manifest, { way, withdrawn, lasting, left }: Withdrawal): string {
  if (withdrawn) {
    const proviso = lasting ? '' : ', until the daemon is configured or started anew: mend what is said above'
    return `withdrawn by: ${way}; ${wordsOf[way!](manifest)}${proviso}`
  }
  const state =
    left === null
      ? 'nobody can tell what is announced'
      : `STILL ANNOUNCED: ${left.map(({ neighbor, prefix }) => `${prefix} to ${neighbor}`).join(', ') || 'to nobody, but originated'}`
  const rest =
    way === 'address'
      ? 'withdrawn by: address; the anycast addresses are off this node, so that nothing half-dead answers'
      : 'the addresses could not be taken off either'
  return `${state}; ${rest}. Stop the routing daemon: a dead one announces nothing`
}

const wordsOf: Readonly<Record<Way, (manifest: Manifest) => string>> = {
  'owned-file': () => 'BIRD has read the file, and no neighbor has our prefixes',
  disable: () => "BIRD's originators are disabled, and no neighbor has our prefixes",
  'network-line': () => 'bgpd has taken it, and no neighbor has our prefixes',
  address: () => '',
  'not-running': ({ daemon }) =>
    `${daemon === 'bird' ? 'BIRD' : 'bgpd'} does not run, and so announces nothing`,
}
