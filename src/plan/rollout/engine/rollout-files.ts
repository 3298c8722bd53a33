import { appendFile, readFile, realpath, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../../../files/atomic-file.ts'
import { acquireLock, type LockOutcome } from '../../../files/lock.ts'
import { makeFolder } from '../../../files/make-folder.ts'
import { OperationError } from '../../../text/operation-error.ts'
import { parseJson } from '../../../text/parse-json.ts'
import type { Request } from '../advance.ts'
import type { RolloutEvent } from '../events.ts'
import { readRollout } from '../read-rollout.ts'
import type { Rollout } from '../rollout.ts'

/** The files of a rollout, in a folder beside the plan's bundles. One process drives a rollout: the holder of the lock. */
export class RolloutFiles {
  readonly #dir: string

  constructor(out: string) {
    this.#dir = join(out, '.rollout')
  }

  /** The same for each name of the folder; no other folder has that `id`, also on a machine of the same name; '' if it is not there. Throws the system's error. */
  async identify(): Promise<{ path: string; id: string }> {
    const found = await stat(this.#dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (found === null) return { path: this.#dir, id: '' }
    const { dev, ino, birthtimeMs } = found
    return { path: await realpath(this.#dir), id: `${dev}-${ino}-${Math.floor(birthtimeMs)}` }
  }

  /** Creates the folder. Waits for one that only looks. Throws LockError, and the system's error. */
  async lock(): Promise<LockOutcome> {
    await makeFolder(this.#dir)
    return acquireLock(join(this.#dir, 'lock'), { waitMs: 500 })
  }

  /** Whether an engine drives the rollout. Throws LockError. */
  async isDriven(): Promise<boolean> {
    const lock = await acquireLock(join(this.#dir, 'lock'))
    if (lock.outcome === 'locked') lock.release()
    return lock.outcome === 'busy'
  }

  /** The latest rollout; `null`: none. Throws OperationError. */
  async load(): Promise<Rollout | null> {
    const path = join(this.#dir, 'state.json')
    const text = await readOrNull(path)
    if (text === null) return null
    const read = readRollout(parseJson(text))
    if (read.ok) return read.value
    throw new OperationError(`${path} is not the state of a rollout of this version: ${read.problem}`, {
      hint: `if no rollout is under way, move ${this.#dir} away`,
    })
  }

  async save(rollout: Rollout): Promise<void> {
    const text = `${JSON.stringify(rollout, null, 1)}\n`
    await writeFileAtomically(join(this.#dir, 'state.json'), text, { flushFolder: true })
  }

  /** What an operator asks of the engine that runs. */
  async ask(request: Request): Promise<void> {
    await writeFileAtomically(join(this.#dir, 'request.json'), JSON.stringify(request))
  }

  async readRequest(): Promise<Request | null> {
    const text = await readOrNull(join(this.#dir, 'request.json'))
    const document = text === null ? null : parseJson(text)
    if (typeof document !== 'object' || document === null) return null
    const { kind, by } = document as Record<string, unknown>
    if ((kind !== 'pause' && kind !== 'abort' && kind !== 'undo') || typeof by !== 'string') return null
    return { kind, by }
  }

  async removeRequest(): Promise<void> {
    await rm(join(this.#dir, 'request.json'), { force: true })
  }

  async append(id: string, events: readonly RolloutEvent[]): Promise<void> {
    if (events.length === 0) return
    const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('')
    await appendFile(join(this.#dir, id, 'events.jsonl'), lines)
  }

  /** The folder for the copy of a node's new bundle, or of the one that undoes it. */
  bundleDir(id: string, kind: 'target' | 'former', node: string): string {
    return join(this.#dir, id, kind === 'target' ? 'bundles' : 'former', node)
  }

  async saveFleet(id: string, text: string): Promise<void> {
    await writeFileAtomically(join(this.#dir, id, 'fleet.json'), text)
  }

  /** Throws the system's error. */
  readFleet(id: string): Promise<string> {
    return readFile(join(this.#dir, id, 'fleet.json'), 'utf8')
  }
}

function readOrNull(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
}
