import { listProcesses, readArgv, readNetNamespace, readProgramName } from '../proc.ts'

export interface RunningProgram {
  readonly pid: number
  /** At most 15 characters. */
  readonly name: string
  readonly argv: readonly string[]
}

/** The processes of this network namespace, this one excepted; `hidden` counts those that this user may not see. */
export async function listPrograms(): Promise<{ programs: readonly RunningProgram[]; hidden: number }> {
  const own = await readNetNamespace('self')
  const programs: RunningProgram[] = []
  let hidden = 0
  for (const pid of await listProcesses()) {
    if (pid === process.pid) continue
    const argv = await readArgv(pid)
    // A thread of the kernel has none.
    if (argv.length === 0) continue
    const namespace = await readNetNamespace(pid).catch(() => null)
    if (namespace === null) hidden += 1
    if (namespace !== own) continue
    const name = await readProgramName(pid)
    if (name !== null) programs.push({ pid, name, argv })
  }
  return { programs, hidden }
}
