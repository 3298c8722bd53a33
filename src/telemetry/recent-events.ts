import { join } from 'node:path'
import type { RecentEvent } from '../control/page/page-state.ts'
import { openRegularFile } from '../files/open-regular-file.ts'
import { eventsName, type NodeEvent, readEvent } from './events.ts'

const mostEvents = 200
const longestMessage = 500
/** Enough for that many events. */
const tailBytes = 128 * 1024

/** The last events in memory: they can be read while the disk is full or hangs. */
export class RecentEvents {
  /** Rises with each event. */
  count = 0
  #events: RecentEvent[] = []

  add({ time, level, event, service, message }: NodeEvent): void {
    this.count += 1
    this.#events.push({
      time,
      level,
      event,
      service: service ?? null,
      message: message.slice(0, longestMessage),
    })
    if (this.#events.length > mostEvents) this.#events.shift()
  }

  /** The oldest first. */
  list(): readonly RecentEvent[] {
    return this.#events
  }

  /** Puts the last events of earlier controllers before these. Never rejects: without the file there are fewer. */
  async restore(dir: string): Promise<void> {
    const lines = await readTail(join(dir, eventsName)).catch(() => [])
    const before = new RecentEvents()
    const oldest = this.#events[0]?.time ?? null
    for (const line of lines) {
      const event = readEvent(line)
      if (event !== null && (oldest === null || event.time < oldest)) before.add(event)
    }
    this.count += before.count
    this.#events = [...before.#events, ...this.#events].slice(-mostEvents)
  }
}

async function readTail(path: string): Promise<string[]> {
  const file = await openRegularFile(path)
  if (file === null) return []
  const { handle } = file
  try {
    const { size } = await handle.stat()
    const tail = Buffer.alloc(Math.min(size, tailBytes))
    const { bytesRead } = await handle.read(tail, 0, tail.length, size - tail.length)
    const lines = tail.subarray(0, bytesRead).toString('utf8').split('\n')
    return size > tailBytes ? lines.slice(1) : lines
  } finally {
    await handle.close()
  }
}
