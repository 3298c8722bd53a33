import { readManifest } from '../../bundle/read.ts'
import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { type WithdrawOutcome, withdrawNode, withdrawUnguarded } from '../../node/service/withdraw-node.ts'
import type { Way, Withdrawal } from '../../node/withdraw/ladder.ts'
import { commandToRestore } from '../../node/withdraw/removed-addresses.ts'
import { exitCode } from '../failure.ts'
import { type ForceOptions, userName, userOf } from '../force.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'
import { printStatus } from '../print-status.ts'
import { withProgress } from '../terminal/progress.ts'

export type WithdrawOptions = NodeOptions & ForceOptions & { readonly afterStop?: true }

export async function withdraw(options: WithdrawOptions): Promise<void> {
  // The manifest alone: damage to other files of the bundle must not prevent a withdrawal.
  const manifest = await requireBundle(options, readManifest)
  const json = options.json === true
  if (options.afterStop === true) {
    // The controller did what `onStop` says, or gave way to the next one.
    if (process.env.SERVICE_RESULT === 'success') return
    const outcome = await withdrawUnguarded(manifest)
    if (outcome !== null) report(manifest, outcome, json)
  } else {
    const { reason = null } = options
    const outcome = await withProgress({ lines: 'slow' }, (progress) => {
      progress.step(`withdraw the routes of ${manifest.node}`)
      return withdrawNode(manifest, { reason, by: userName(), forcedBy: userOf(options) })
    })
    report(manifest, outcome, json)
  }
}

function report(manifest: Manifest, outcome: WithdrawOutcome, json: boolean): void {
  if (outcome.by === 'controller') {
    printStatus(json ? Object.assign(outcome.status, { way: 'controller' }) : outcome.status, json)
    const kept = outcome.status.services.filter(({ decision }) => decision !== 'withdraw')
    if (kept.length === 0) {
      if (!json) process.stdout.write('  withdrawn by: controller\n')
      return
    }
    for (const { name, detail } of kept)
      process.stderr.write(`anyward: ${name} is NOT withdrawn: ${detail}\n`)
    process.stderr.write(
      [
        '    the order stands: the controller carries it out as soon as enough other sites are well',
        '    to take it back: anyward undrain',
        '    to withdraw all the same: anyward withdraw --force --reason TEXT\n',
      ].join('\n'),
    )
    process.exitCode = exitCode.findings
    return
  }
  const { withdrawal, removed } = outcome
  if (json) {
    printJson(manifest, outcome)
  } else {
    for (const failure of withdrawal.troubles) process.stderr.write(`anyward: ${failure}\n`)
    process.stdout.write(`${manifest.node}: ${describeOutcome(manifest, withdrawal)}\n`)
  }
  for (const address of removed) process.stderr.write(`    put it back with: ${commandToRestore(address)}\n`)
  if (withdrawal.withdrawn) return
  process.exitCode = withdrawal.left === null ? exitCode.failed : exitCode.findings
}

function printJson(
  manifest: Manifest,
  { services: named, withdrawal: { left, ...result }, removed }: Extract<WithdrawOutcome, { by: 'command' }>,
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
  const document = { node, site, ...result, looked: left !== null, held: removed, services }
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

function describeOutcome(manifest: Manifest, { way, withdrawn, lasting, left }: Withdrawal): string {
  if (withdrawn) {
    const proviso = lasting ? '' : ', until the daemon is reconfigured or restarted: fix the errors above'
    const stays =
      manifest.alwaysAnnounce.length === 0 || way === 'not-running'
        ? ''
        : `; still announced, by the daemon itself: ${manifest.alwaysAnnounce.join(', ')} (alwaysAnnounce)`
    return `withdrawn by: ${way}; ${wordsOf[way!](manifest)}${proviso}${stays}`
  }
  const state =
    left === null
      ? 'unknown whether anything is announced'
      : `STILL ANNOUNCED: ${left.map(({ neighbor, prefix }) => `${prefix} to ${neighbor}`).join(', ') || 'to no neighbor, but originated'}`
  const rest =
    way === 'address'
      ? 'withdrawn by: address; the anycast addresses are removed from this node, so that it does not answer'
      : 'the addresses could not be removed either'
  const last =
    manifest.routing === 'attached'
      ? 'Shut down these sessions, or remove the routes from your own configuration'
      : 'Stop the routing daemon: while stopped it announces nothing'
  return `${state}; ${rest}. ${last}`
}

/** The program that advertises. */
const speakers: Readonly<Record<DaemonKind, string>> = { bird: 'BIRD', frr: 'bgpd' }

const wordsOf: Readonly<Record<Way, (manifest: Manifest) => string>> = {
  'owned-file': () => 'BIRD has read the file, and no neighbor has our prefixes',
  disable: () => "BIRD's originators are disabled, and no neighbor has our prefixes",
  'network-line': () => 'bgpd has applied it, and no neighbor has our prefixes',
  address: () => '',
  'not-running': ({ daemon }) => `${speakers[daemon]} does not run, so it announces nothing`,
}
