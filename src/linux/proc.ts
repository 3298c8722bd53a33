import { readFile } from 'node:fs/promises'

interface ProcessFacts {
  readonly startTicks: number
  readonly state: string
  readonly parent: number
}

/** `null`: there is no such process, or only a zombie. */
export async function readProcess(pid: number): Promise<ProcessFacts | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  // The name, in parentheses, may contain any character.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]!
  // Until its other threads end, it keeps its open files and its interface.
  const hasThreads = Number(fields[17]) > 1
  if (state === 'X' || (state === 'Z' && !hasThreads)) return null
  return { state, parent: Number(fields[1]), startTicks: Number(fields[19]) }
}
