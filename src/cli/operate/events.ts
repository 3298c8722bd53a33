import { isSystemError } from '../../files/system-error.ts'
import type { NodeEvent } from '../../telemetry/events.ts'
import { readEvents } from '../../telemetry/read-events.ts'
import { CommandError, exitCode } from '../failure.ts'
import { type NodeOptions, requireBundle } from '../locate-bundle.ts'

export type EventsOptions = NodeOptions & { since?: number; until?: number; service?: string }

export async function printEvents(options: EventsOptions): Promise<void> {
  const manifest = await requireBundle(options)
  const { stateDir } = manifest.paths
  const range = {
    from: options.since ?? null,
    to: options.until ?? null,
    service: options.service ?? null,
  }
  if (range.service !== null && !manifest.services.some(({ name }) => name === range.service)) {
    throw new CommandError(`${manifest.node} has no service ${range.service}`, {
      hint: `it has ${manifest.services.map(({ name }) => name).join(', ')}`,
    })
  }
  const { events, damagedLines } = await readEvents(stateDir, range).catch((cause: unknown) => {
    if (!isSystemError(cause)) throw new CommandError((cause as Error).message, { cause })
    throw new CommandError(`cannot read the events in ${stateDir} (${cause.code})`, {
      hint: cause.code === 'EACCES' ? 'run this as root' : 'check the disk',
      cause,
    })
  })
  process.exitCode = exitCode.fine
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ node: manifest.node, events, damagedLines }, null, 2)}\n`)
    return
  }
  for (const event of events) process.stdout.write(`${formatEvent(event)}\n`)
  if (events.length === 0) process.stdout.write(`${manifest.node}: no events in that time\n`)
  if (damagedLines > 0) process.stdout.write(`(and ${damagedLines} damaged lines)\n`)
}

/** Control characters, which a terminal might interpret, are replaced. */
function formatEvent({ time, level, event, service, message, leftOut }: NodeEvent): string {
  const mark = level === 'info' ? ' ' : '!'
  const more = typeof leftOut === 'number' ? ` (and ${leftOut} like it before)` : ''
  const subject = service === undefined || message.startsWith(`${service}: `) ? '' : `${service}: `
  const text = `${time} ${mark} ${event.padEnd(10)} ${subject}${message}${more}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern replaces control characters
  return text.replace(/[\0-\x1f\x7f-\x9f]+/g, ' ')
}
