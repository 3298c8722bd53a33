import type { Command } from 'commander'
import type { Manifest } from '../planner/manifest.ts'
import { DaemonError, type RoutingDaemon } from '../routing/daemon.ts'
import { askController } from './control-client.ts'
import { createDaemon } from './create-daemon.ts'
import { CommandError, exitCode } from './failure.ts'
import { type NodeOptions, nodeCommand, requireBundle } from './locate-bundle.ts'
import { printStatus } from './status.ts'

type WithdrawOptions = NodeOptions & { reason?: string }

export function withdrawCommand(): Command {
  return nodeCommand('withdraw')
    .description(
      'Withdraws everything of this node now, through its controller or, if none runs, without it.',
    )
    .option('--reason <text>', 'why, for those who read the status')
    .action((_options: unknown, command: Command) => withdraw(command.optsWithGlobals<WithdrawOptions>()))
}

async function withdraw(options: WithdrawOptions): Promise<void> {
  const manifest = await requireBundle(options)
  const reply = await askController(manifest, {
    intent: 'withdraw',
    reason: options.reason ?? null,
    forMs: null,
  })
  if (reply.outcome === 'answered') {
    printStatus(reply.status, options.json === true)
    process.exitCode = reply.status.daemon.verified ? exitCode.fine : exitCode.findings
    return
  }
  await withdrawAlone(manifest, options.json === true)
}

/** The controller is gone: withdraw by ourselves, and say what the neighbors have afterwards. */
async function withdrawAlone(manifest: Manifest, json: boolean): Promise<void> {
  const daemon = createDaemon(manifest)
  try {
    const left = await withdrawUntilGone(daemon)
    const announced = left.neighbors.flatMap(({ neighbor, announced }) =>
      announced.map((prefix) => ({ neighbor, prefix })),
    )
    const withdrawn = left.originated.length === 0 && announced.length === 0
    if (json) {
      const services = manifest.services.map(({ name, prefixes }) => ({
        name,
        health: 'unknown',
        decision: 'withdraw',
        reason: 'operator-withdrew',
        since: new Date().toISOString(),
        announced: announced.filter(({ prefix }) => prefixes.includes(prefix)),
      }))
      process.stdout.write(
        `${JSON.stringify({ node: manifest.node, site: manifest.site, services }, null, 2)}\n`,
      )
    } else if (withdrawn) {
      process.stdout.write(`${manifest.node}: withdrawn, no controller runs; no neighbor has our prefixes\n`)
    }
    if (!withdrawn) {
      throw new CommandError(
        `${manifest.node}: still announced: ${announced.map(({ neighbor, prefix }) => `${prefix} to ${neighbor}`).join(', ')}`,
        {
          hint: 'stop the routing daemon, or take the anycast address off the node',
          exitCode: exitCode.findings,
        },
      )
    }
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error
    throw new CommandError(`${manifest.node}: ${error.message}`, {
      hint: error.reply ?? 'is the routing daemon running? A dead one announces nothing',
      cause: error,
    })
  } finally {
    daemon.close()
  }
}

async function withdrawUntilGone(daemon: RoutingDaemon) {
  await daemon.apply(new Map())
  const deadline = performance.now() + 2000
  for (;;) {
    const left = await daemon.observe()
    const gone =
      left.originated.length === 0 && left.neighbors.every(({ announced }) => announced.length === 0)
    if (gone || performance.now() > deadline) return left
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
