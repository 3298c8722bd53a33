import { RunError, run } from '../run.ts'

const timeoutMs = 10_000

/**
 * Whether a user may read a file, or search a folder, as the kernel decides it; `null`: this process is not root, or the
 * user does not exist.
 */
export async function mayUser(user: string, need: 'read' | 'search', path: string): Promise<boolean | null> {
  if (process.geteuid!() !== 0) return null
  const become = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--'] as const
  try {
    await run([...become, 'test', '-e', '/'], { timeoutMs })
  } catch (error) {
    if (error instanceof RunError) return null
    throw error
  }
  return run([...become, 'test', need === 'read' ? '-r' : '-x', path], { timeoutMs }).then(
    () => true,
    () => false,
  )
}
