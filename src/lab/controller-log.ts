import { open, stat } from 'node:fs/promises'

export interface LoggedDecision {
  /** Since the epoch. */
  readonly atMs: number
  readonly service: string
  readonly decision: string
  readonly reason: string
  readonly message: string
}

/** The decisions in a controller's log, from an offset on; a line that is not one is none of ours. */
export function parseDecisions(text: string): LoggedDecision[] {
  const decisions: LoggedDecision[] = []
  // A log that is still being written may end within a line.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const entry = parseLine(line)
    if (entry?.['event'] !== 'decision') continue
    decisions.push({
      atMs: Number(entry['time']),
      service: String(entry['service']),
      decision: String(entry['decision']),
      reason: String(entry['reason']),
      message: String(entry['message'] ?? ''),
    })
  }
  return decisions
}

function parseLine(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** In bytes. */
export async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

export async function readFrom(path: string, offset: number): Promise<string> {
  const file = await open(path).catch(() => null)
  if (file === null) return ''
  try {
    const length = (await file.stat()).size - offset
    if (length <= 0) return ''
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}
