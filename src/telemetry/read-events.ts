import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openRegularFile } from '../files/open-regular-file.ts'
import { agedPath, eventsName, keptFiles, type NodeEvent, readEvent } from './events.ts'

interface EventRange {
  /** Milliseconds since 1970, inclusive; `null`: from the oldest that is kept. */
  readonly from: number | null
  readonly to: number | null
  readonly service: string | null
}

interface EventsRead {
  /** The oldest first. */
  readonly events: readonly NodeEvent[]
  /** Lines that are not valid events, for example an incomplete one after a power failure. */
  readonly damagedLines: number
}

/** All events of the folder in that range. Works with no controller running. Throws a system error. */
export async function readEvents(dir: string, range: EventRange): Promise<EventsRead> {
  const events: NodeEvent[] = []
  let damagedLines = 0
  for (let age = keptFiles; age >= 0; age -= 1) {
    for await (const line of linesOf(agedPath(join(dir, eventsName), age))) {
      if (line === '') continue
      const event = readEvent(line)
      if (event === null) damagedLines += 1
      else if (isIn(range, event)) events.push(event)
    }
  }
  return { events, damagedLines }
}

function isIn({ from, to, service }: EventRange, event: NodeEvent): boolean {
  const time = Date.parse(event.time)
  return (
    (from === null || time >= from) &&
    (to === null || time <= to) &&
    // An event of the whole node concerns each of its services.
    (service === null || event.service === undefined || event.service === service)
  )
}

async function* linesOf(path: string): AsyncGenerator<string> {
  // Root reads this in a folder of the controller's user.
  const file = await openRegularFile(path)
  if (file === null) return
  yield* createInterface({ input: file.handle.createReadStream(), crlfDelay: Number.POSITIVE_INFINITY })
}
