import { open, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { parseJson } from '../../text/parse-json.ts'

/** Untrusted output of another program. */
const decisionSchema = z.object({
  event: z.literal('decision'),
  /** When the decision was made, in milliseconds since the epoch. */
  decidedAt: z.number(),
  service: z.string(),
  decision: z.string(),
  reason: z.string(),
  message: z.string().default(''),
})

export type LoggedDecision = z.infer<typeof decisionSchema>

/** The decisions in a controller's log; other lines are ignored. */
export function parseDecisions(text: string): LoggedDecision[] {
  // A log that is still being written may end within a line.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.flatMap((line) => {
    const result = decisionSchema.safeParse(parseJson(line))
    return result.success ? [result.data] : []
  })
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

export const isWithdrawal = ({ decision }: LoggedDecision): boolean => decision === 'withdraw'

/**
 * Decisions up to the first withdrawal after the fault, which may be logged shortly after the neighbors receive
 * it; all of them without one.
 */
export async function findDecisions(
  path: string,
  offset: number,
  service: string,
  signal: AbortSignal,
): Promise<LoggedDecision[]> {
  const deadline = performance.now() + 2000
  for (;;) {
    const decisions = parseDecisions(await readFrom(path, offset)).filter(
      (decision) => decision.service === service,
    )
    const end = decisions.findIndex(isWithdrawal)
    if (end !== -1) return decisions.slice(0, end + 1)
    if (performance.now() > deadline) return decisions
    await delay(20, undefined, { signal })
  }
}
