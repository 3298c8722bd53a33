import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'

/**
 * One apply at a time on a node; `null` where another runs. An abstract socket: taken in one step, and gone with
 * its process however that ends. Returns what gives it back.
 */
export async function lockApply(stateDir: string): Promise<(() => void) | null> {
  const server = createServer((socket) => socket.destroy())
  server.listen({ path: `\0anyward-apply:${stateDir}` })
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
  server.unref()
  return () => server.close()
}

/** Here while an apply runs, or after one that was killed. */
export function journalPath(stateDir: string): string {
  return join(stateDir, 'apply.json')
}
