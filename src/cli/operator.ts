import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../sites/fields.ts'
import { askController } from './control-client.ts'
import { CommandError, exitCode } from './failure.ts'
import { type NodeOptions, nodeCommand, requireBundle } from './locate-bundle.ts'
import { printStatus } from './status.ts'

type OperatorOptions = NodeOptions & { for?: number; reason?: string }

export function drainCommand(): Command {
  return nodeCommand('drain')
    .description('Withdraws this node until `undrain`; it outlives a restart of the controller.')
    .option('--for <duration>', 'serve again by itself after this long, such as 30m', parseFor)
    .option('--reason <text>', 'why, for those who read the status')
    .action((_options: unknown, command: Command) =>
      order('drain', command.optsWithGlobals<OperatorOptions>()),
    )
}

export function undrainCommand(): Command {
  return nodeCommand('undrain')
    .description('Ends a drain or a withdrawal: the node announces again as soon as its endpoint is healthy.')
    .action((_options: unknown, command: Command) =>
      order('serve', command.optsWithGlobals<OperatorOptions>()),
    )
}

async function order(intent: 'serve' | 'drain', options: OperatorOptions): Promise<void> {
  const manifest = await requireBundle(options)
  const reply = await askController(manifest, {
    intent,
    reason: options.reason ?? null,
    forMs: options.for ?? null,
  })
  if (reply.outcome === 'answered') {
    printStatus(reply.status, options.json === true)
    process.exitCode = reply.status.daemon.verified ? exitCode.fine : exitCode.findings
    return
  }
  throw new CommandError(`no controller runs for ${manifest.node}`, {
    hint:
      intent === 'drain'
        ? 'without one, `anyward withdraw` withdraws too'
        : 'start it: anyward controller --bundle DIR',
  })
}

function parseFor(text: string): number {
  const parsed = parseDuration(text)
  if (parsed === null) throw new InvalidArgumentError('Write a duration such as 30m.')
  return parsed
}
