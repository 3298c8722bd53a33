import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Manifest } from '../manifest/manifest.ts'
import { type AskedGuard, askGuard } from './ask.ts'
import { type GuardReply, type GuardRequest, guardSocketOf } from './protocol.ts'

/** Milliseconds. */
const timing = { again: 20, giveUp: 5000 } as const

/** The guard's place on a node: the lock, which is gone with its process, and the socket. */
export interface Place {
  /** What the guard before us held; `null`: there was none. */
  readonly inherited: GuardReply | null
  /** Listens, and tells the guard before us that it may end. Rejects with the system's error. */
  open(onConnection: (socket: Socket) => void): Promise<void>
  /** Stops listening and gives the lock back, at once; connections that are open stay so. Idempotent. */
  leave(): void
}

/** A guard has the place, and does not make room. */
export class PlaceTakenError extends Error {
  override readonly name = 'PlaceTakenError'
}

/** Takes the place, from an older guard if there is one. Throws PlaceTakenError. */
export async function takePlace(manifest: Manifest): Promise<Place> {
  const path = guardSocketOf(manifest)
  const lockPath = `\0anyward-guard:${manifest.paths.runtimeDir}`
  const deadline = performance.now() + timing.giveUp
  let elder: AskedGuard | null = null
  let lock = await listenOn(lockPath)
  while (lock === null) {
    if (performance.now() > deadline) {
      elder?.socket.destroy()
      throw new PlaceTakenError(`a guard of ${manifest.node} runs already, and does not make room`)
    }
    // Who made room for us answers no more: this is another one, who was quicker, and is who is renewed now.
    const quicker = await askGuard(path, { type: 'replace' })
    if (quicker !== null) {
      if (elder !== null) dismiss(elder)
      elder = quicker
    }
    await delay(timing.again)
    lock = await listenOn(lockPath)
  }
  return placeOf({ path, lock, elder })
}

/** Takes the place back that was left for a younger guard; `null`: it is taken. */
export async function retakePlace(manifest: Manifest): Promise<Place | null> {
  const lock = await listenOn(`\0anyward-guard:${manifest.paths.runtimeDir}`)
  return lock && placeOf({ path: guardSocketOf(manifest), lock, elder: null })
}

function placeOf({ path, lock, elder }: { path: string; lock: Server; elder: AskedGuard | null }): Place {
  let server: Server | null = null
  return {
    inherited: elder?.reply ?? null,
    async open(onConnection) {
      // Of a guard that was killed.
      await rm(path, { force: true })
      server = createServer(onConnection)
      server.maxConnections = 16
      // Renewals are for the socket's owner alone, from the moment that the socket exists.
      const umask = process.umask(0o177)
      try {
        server.listen({ path })
        await once(server, 'listening')
      } finally {
        process.umask(umask)
      }
      if (elder !== null) dismiss(elder)
    },
    leave() {
      // The socket's file goes with it: before the lock, or it could be the next one's.
      server?.close()
      lock.close()
    },
  }
}

/** Its leases are held by another. */
function dismiss(elder: AskedGuard): void {
  elder.socket.end(`${JSON.stringify({ type: 'taken' } satisfies GuardRequest)}\n`)
}

/** `null`: somebody else listens there. */
async function listenOn(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy())
  server.listen({ path })
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
}
