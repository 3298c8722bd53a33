import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { acquireLock } from '../../files/lock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { type AskedGuard, askGuard } from './ask.ts'
import { type GuardReply, type GuardRequest, guardSocketOf } from './protocol.ts'

/** Milliseconds. `wait`: for the lock, until the guard before us is asked again. */
const timing = { wait: 50, giveUp: 5000 } as const

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

/** Takes the place, from an older guard if there is one. Throws PlaceTakenError and LockError. */
export async function takePlace(manifest: Manifest): Promise<Place> {
  const path = guardSocketOf(manifest)
  const lockPath = lockPathOf(manifest)
  const deadline = performance.now() + timing.giveUp
  let lock = await acquireLock(lockPath)
  // Also with the lock in hand: a guard of an earlier version locks an abstract socket instead.
  let elder = await askGuard(path, { type: 'replace' })
  while (lock.outcome === 'busy') {
    if (performance.now() > deadline) {
      elder?.socket.destroy()
      const process = lock.pid === null ? '' : ` (process ${lock.pid})`
      throw new PlaceTakenError(`a guard of ${manifest.node} runs already${process}, and does not make room`)
    }
    lock = await acquireLock(lockPath, { waitMs: timing.wait })
    if (lock.outcome === 'locked') break
    // Who made room for us answers no more: this is another one, who was quicker, and is who is renewed now.
    const quicker = await askGuard(path, { type: 'replace' })
    if (quicker === null) continue
    if (elder !== null) dismiss(elder)
    elder = quicker
  }
  return placeOf({ path, release: lock.release, elder })
}

/** Takes the place back that was left for a younger guard; `null`: it is taken. Throws LockError. */
export async function retakePlace(manifest: Manifest): Promise<Place | null> {
  const lock = await acquireLock(lockPathOf(manifest))
  if (lock.outcome === 'busy') return null
  return placeOf({ path: guardSocketOf(manifest), release: lock.release, elder: null })
}

function lockPathOf({ paths }: Manifest): string {
  return join(paths.runtimeDir, 'guard.lock')
}

function placeOf({
  path,
  release,
  elder,
}: {
  path: string
  release: () => void
  elder: AskedGuard | null
}): Place {
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
      release()
    },
  }
}

/** Its leases are held by another. */
function dismiss(elder: AskedGuard): void {
  elder.socket.end(`${JSON.stringify({ type: 'taken' } satisfies GuardRequest)}\n`)
}
