import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../clock/clock.ts'
import { acquireLock } from '../../files/lock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { type AskedGuard, askGuard } from './ask.ts'
import { type GuardReply, type GuardRequest, guardSocketOf } from './protocol.ts'

/** Milliseconds. `wait`: for the lock, until the older guard is asked again. */
const timing = { wait: 50, giveUp: 5000 } as const

/** The guard's place on a node: the lock, which ends with its process, and the socket. */
export interface Place {
  /** The reply of the older guard; `null`: there was none. */
  readonly inherited: GuardReply | null
  /** Listens, and lets the older guard end. Rejects with the system's error. */
  open(onConnection: (socket: Socket) => void): Promise<void>
  /** Stops listening and releases the lock, at once. Open connections stay open. Idempotent. */
  leave(): void
}

/** Another guard holds the lock, and does not release it. */
export class PlaceTakenError extends Error {
  override readonly name = 'PlaceTakenError'
}

/** Takes the lock, from an older guard if there is one. Throws PlaceTakenError and LockError. */
export async function takePlace(manifest: Manifest, clock: Clock): Promise<Place> {
  const path = guardSocketOf(manifest)
  const lockPath = lockPathOf(manifest)
  const deadline = clock.now() + timing.giveUp
  let lock = await acquireLock(lockPath)
  // Also after the lock was acquired: a guard of an earlier version locks an abstract socket instead.
  let elder = await askGuard(path, { type: 'replace' }, clock)
  while (lock.outcome === 'busy') {
    if (clock.now() > deadline) {
      elder?.socket.destroy()
      const process = lock.pid === null ? '' : ` (process ${lock.pid})`
      throw new PlaceTakenError(
        `a guard of ${manifest.node} already runs${process}, and does not release its lock: end it`,
      )
    }
    lock = await acquireLock(lockPath, { waitMs: timing.wait })
    if (lock.outcome === 'locked') break
    // The older guard answers no more, so this is another new guard, which has the renewals now.
    const quicker = await askGuard(path, { type: 'replace' }, clock)
    if (quicker === null) continue
    if (elder !== null) dismiss(elder)
    elder = quicker
  }
  return placeOf({ path, release: lock.release, elder })
}

/** Takes the place again after a newer guard failed to; `null`: the newer guard has it. Throws LockError. */
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
      // A guard that was killed leaves its socket.
      await rm(path, { force: true })
      server = createServer(onConnection)
      server.maxConnections = 16
      // Only the owner of the socket may connect, from the moment that the socket exists.
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
      // This removes the socket's file. It comes before the lock's release: later it could be the next guard's.
      server?.close()
      release()
    },
  }
}

/** Ends the older guard: this one holds its deadlines. */
function dismiss(elder: AskedGuard): void {
  elder.socket.end(`${JSON.stringify({ type: 'taken' } satisfies GuardRequest)}\n`)
}
