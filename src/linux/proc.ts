import { readdir, readFile, stat } from 'node:fs/promises'

interface ProcessFacts {
  readonly startTicks: number
  readonly state: string
  readonly parent: number
}

/** The ids of the processes in this pid namespace. Throws a system error if /proc cannot be read. */
export async function listProcesses(): Promise<number[]> {
  return (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)
}

/** `null`: there is no such process, or only a zombie. */
export async function readProcess(pid: number): Promise<ProcessFacts | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  const fields = fieldsOfStat(text)
  const state = fields[0]!
  // Until its other threads end, it keeps its open files and its interface.
  const hasThreads = Number(fields[17]) > 1
  if (state === 'X' || (state === 'Z' && !hasThreads)) return null
  return { state, parent: Number(fields[1]), startTicks: Number(fields[19]) }
}

/** The fields of /proc/PID/stat after the name, which may contain any character. The first is the state. */
export function fieldsOfStat(text: string): string[] {
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** The name of the program, at most 15 characters. `null`: there is no such process. */
export async function readProgramName(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => null)
  return text === null ? null : text.replace(/\n$/, '')
}

/** The program and its arguments; empty for a zombie, for a process that has ended, and where /proc hides it. */
export function readArgv(pid: number): Promise<string[]> {
  return readWords(`/proc/${pid}/cmdline`)
}

/** Each NAME=VALUE it was started with; empty for a zombie, an ended process, and a process of another user. */
export function readEnvironment(pid: number): Promise<string[]> {
  return readWords(`/proc/${pid}/environ`)
}

/** Each word ends with NUL. */
async function readWords(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text === '' ? [] : text.replace(/\0$/, '').split('\0')
}

/**
 * The inode of its network namespace, which identifies it on this machine. Throws a system error: EACCES if the process
 * belongs to another user and this is not root.
 */
export async function readNetNamespace(pid: number | 'self'): Promise<number> {
  return (await stat(`/proc/${pid}/ns/net`)).ino
}
