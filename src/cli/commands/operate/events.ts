import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../../text/duration.ts'
import { nodeCommand } from './node-command.ts'

export function eventsCommand(): Command {
  return nodeCommand('events')
    .summary('what happened on this node')
    .description(
      'Prints what happened on this node: decisions and their reasons, announcements, sessions, orders, errors.',
    )
    .option('--since <when>', 'a duration such as 1h, or a time such as 2026-11-23T03:00Z', parseWhen)
    .option('--until <when>', 'the same', parseWhen)
    .option('--service <name>', 'only events of this service and of the node')
    .action(async (_options: unknown, command: Command) => {
      const { printEvents } = await import('../../operate/events.ts')
      await printEvents(command.optsWithGlobals())
    })
}

function parseWhen(text: string): number {
  const ago = parseDuration(text)
  const time = ago === null ? Date.parse(text) : Date.now() - ago
  if (Number.isNaN(time) || (ago === null && !/^\d{4}-\d\d-\d\d/.test(text))) {
    throw new InvalidArgumentError('Write a duration such as 1h, or a time such as 2026-11-23T03:00Z.')
  }
  return time
}
