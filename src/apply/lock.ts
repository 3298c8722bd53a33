import { once } from 'node:events'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'

/**
 * One apply at a time on a node; `null` where another runs. An abstract socket: taken in one step, and gone with
 * its process however that ends. Returns what gives it back.
 */
export async function lockApply(bundleDir: string): Promise<(() => void) | null> {
  const server = createServer((socket) => socket.destroy())
  server.listen({ path: `\0anyward-apply:${bundleDir}` })
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
  server.unref()
  return () => server.close()
}

/**
 * Here while an apply runs, or after one that was killed. Root does what it says, so it lies beside the installed
 * bundle, where root alone writes, and not among the state of a controller that has a user of its own.
 */
export function journalPath(bundleDir: string): string {
  return join(dirname(bundleDir), 'apply.json')
}
