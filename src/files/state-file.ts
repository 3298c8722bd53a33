import { readFile, rename } from 'node:fs/promises'
import { type Clock, systemClock, type Timer } from '../clock/clock.ts'
import { requireShape, type Shape } from '../text/shape.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { readCarefully } from './open-regular-file.ts'

export interface StateFileOptions<T> {
  readonly path: string
  /** Of the whole file; its `format` distinguishes versions. */
  readonly shape: Shape<T>
  readonly onProblem: (problem: StateProblem) => void
  readonly clock?: Clock
}

export interface StateProblem {
  /** `saved-again`: a write succeeded after failures. */
  readonly kind: 'unreadable' | 'damaged' | 'unsaved' | 'saved-again'
  readonly path: string
  readonly message: string
  readonly cause: string | null
}

const retryMs = 5000

/**
 * State that survives a restart, in one small file. It is replaced atomically, so that a reader sees the old or
 * the new version. A damaged file is renamed and reported, and its content is not used.
 */
export class StateFile<T> {
  readonly #options: StateFileOptions<T>
  /** The text to write; `null`: nothing was saved yet. */
  #wanted: string | null = null
  /** Whether `#wanted` is still to be written. The file is not compared, because other processes write it too. */
  #pending = false
  #writing: Promise<void> | null = null
  #retry: Timer | null = null
  #failing = false

  constructor(options: StateFileOptions<T>) {
    this.#options = options
  }

  /** `null` if there is no usable file. Never rejects. */
  async load(): Promise<T | null> {
    const { path, shape, onProblem } = this.#options
    let text: string
    try {
      text = await readFile(path, { encoding: 'utf8', flag: readCarefully })
    } catch (error) {
      const cause = (error as NodeJS.ErrnoException).code ?? String(error)
      if (cause !== 'ENOENT') {
        onProblem({ kind: 'unreadable', path, cause, message: `${path} cannot be read (${cause})` })
      }
      return null
    }
    try {
      return requireShape(shape, JSON.parse(text))
    } catch {
      const aside = `${path}.damaged`
      const moved = await rename(path, aside).then(
        () => true,
        () => false,
      )
      const message = `${path} is damaged${moved ? `, and is now ${aside}` : ''}: continuing without it`
      onProblem({ kind: 'damaged', path, cause: null, message })
      return null
    }
  }

  /**
   * Writes the value; of several in a row only the last. Rejects if this attempt fails, and retries until this or
   * a later value is on the disk.
   */
  save(value: T): Promise<void> {
    this.#wanted = `${JSON.stringify(value)}\n`
    this.#pending = true
    return this.#write()
  }

  /** Resolves when the current write ends; no attempt follows. */
  async close(): Promise<void> {
    this.#retry?.cancel()
    await this.#writing?.catch(() => {})
    this.#retry?.cancel()
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
        const message = `the state is in memory only and would be lost at a restart: ${path} cannot be written (${cause})`
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
    this.#retry?.cancel()
    const { clock = systemClock } = this.#options
    const retry = () => {
      this.#retry = null
      // The failed write has reported it.
      this.#write().catch(() => {})
    }
    this.#retry = clock.after(retryMs, retry).unref()
  }
}
