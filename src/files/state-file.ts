import { readFile, rename } from 'node:fs/promises'
import type * as z from 'zod'
import { writeFileAtomically } from './atomic-file.ts'
import { readCarefully } from './open-regular-file.ts'

export interface StateFileOptions<T> {
  readonly path: string
  /** Of the whole file; a `format` in it tells versions apart. */
  readonly schema: z.ZodType<T>
  readonly onProblem: (problem: StateProblem) => void
}

export interface StateProblem {
  /** `saved-again`: what could not be written for a while is written now. */
  readonly kind: 'unreadable' | 'damaged' | 'unsaved' | 'saved-again'
  readonly path: string
  readonly message: string
  readonly cause: string | null
}

const retryMs = 5000

/**
 * What outlives a restart, in one small file: replaced in one step, so that a reader finds the old or the new
 * whole. A damaged one is set aside and said, never guessed at.
 */
export class StateFile<T> {
  readonly #options: StateFileOptions<T>
  /** The text that is wanted on the disk; `null`: nothing was ever to be saved. */
  #wanted: string | null = null
  /** Whether `#wanted` is still to be written. What the file holds is not compared: other processes write it too. */
  #pending = false
  #writing: Promise<void> | null = null
  #retry: NodeJS.Timeout | null = null
  #failing = false

  constructor(options: StateFileOptions<T>) {
    this.#options = options
  }

  /** `null` where there is none that can be used. Never rejects. */
  async load(): Promise<T | null> {
    const { path, schema, onProblem } = this.#options
    let text: string
    try {
      text = await readFile(path, { encoding: 'utf8', flag: readCarefully })
    } catch (error) {
      const cause = (error as NodeJS.ErrnoException).code ?? String(error)
      if (cause !== 'ENOENT') {
        onProblem({ kind: 'unreadable', path, cause, message: `${path} can not be read (${cause})` })
      }
      return null
    }
    try {
      return schema.parse(JSON.parse(text))
    } catch {
      const aside = `${path}.damaged`
      const moved = await rename(path, aside).then(
        () => true,
        () => false,
      )
      const message = `${path} is damaged${moved ? `, and is now ${aside}` : ''}: going on without it`
      onProblem({ kind: 'damaged', path, cause: null, message })
      return null
    }
  }

  /**
   * Has the value written; of several in a row only the last is. Rejects where this attempt fails, and tries
   * again by itself until it, or a later value, is on the disk.
   */
  save(value: T): Promise<void> {
    this.#wanted = `${JSON.stringify(value)}\n`
    this.#pending = true
    return this.#write()
  }

  /** Resolves when nothing is being written any more; there is no further attempt after it. */
  async close(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry)
    await this.#writing?.catch(() => {})
    if (this.#retry !== null) clearTimeout(this.#retry)
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeWanted().finally(() => {
      this.#writing = null
    })
    return this.#writing
  }

  async #writeWanted(): Promise<void> {
    const { path, onProblem } = this.#options
    while (this.#pending) {
      const text = this.#wanted!
      this.#pending = false
      try {
        await writeFileAtomically(path, text)
      } catch (error) {
        this.#pending = true
        const cause = (error as NodeJS.ErrnoException).code ?? String(error)
        const message = `it holds now, but would not outlive a restart: ${path} can not be written (${cause})`
        if (!this.#failing) onProblem({ kind: 'unsaved', path, cause, message })
        this.#failing = true
        this.#retryLater()
        throw new Error(message, { cause: error })
      }
    }
    if (!this.#failing) return
    this.#failing = false
    onProblem({ kind: 'saved-again', path, cause: null, message: `${path} is written again` })
  }

  #retryLater(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#retry = setTimeout(() => {
      this.#retry = null
      // It has said so itself.
      this.#write().catch(() => {})
    }, retryMs)
    this.#retry.unref()
  }
}
