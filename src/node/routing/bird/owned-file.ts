import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFileAtomically, writeTemporarySync } from '../../../files/atomic-file.ts'
import { readCarefully } from '../../../files/open-regular-file.ts'
import { DaemonError } from '../daemon.ts'
import { Turns } from '../turns.ts'

/** statfs(2) */
const tmpfsMagic = 0x01021994
/** The daemon runs as another user, and the umask may deny it the file. */
const fileMode = 0o644

/** A small file that only Anyward writes and the daemon reads. A reader sees either the old text or the new one. */
export class OwnedFile {
  readonly path: string
  readonly #directory: string
  readonly #deadlineMs: number
  readonly #turns = new Turns()
  /**
   * Whether the file is in memory, as /run is. There no call can hang, and synchronous calls are much faster than
   * the thread pool on a busy machine.
   */
  #inMemory: boolean | null = null

  constructor(path: string, deadlineMs: number) {
    this.path = path
    this.#directory = dirname(path)
    this.#deadlineMs = deadlineMs
  }

  /** `null` if it cannot be read; the next write reports the reason. */
  async read(): Promise<string | null> {
    try {
      return await this.#inTime(async () => {
        this.#inMemory ??= (await statfs(this.#directory)).type === tmpfsMagic
        // Root reads it in the controller's folder too (`anyward withdraw`), and must not hang on a pipe there.
        if (this.#inMemory) return this.#readAtOnce()
        return readFile(this.path, { encoding: 'utf8', flag: readCarefully })
      })
    } catch {
      return null
    }
  }

  /** On disk when it resolves. Throws DaemonError('file' or 'permission'). */
  async replace(text: string): Promise<void> {
    try {
      await this.#inTime(async (isLate) => {
        if (this.#inMemory) this.#writeAtOnce(text)
        else await this.#write(text, isLate)
      })
    } catch (cause) {
      const { code = String(cause) } = cause as NodeJS.ErrnoException
      const problem = code === 'EACCES' || code === 'EPERM' ? 'permission' : 'file'
      throw new DaemonError(problem, `cannot write ${this.path}: ${code}`, { cause })
    }
  }

  #readAtOnce(): string {
    const file = openSync(this.path, readCarefully)
    try {
      return readFileSync(file, 'utf8')
    } finally {
      closeSync(file)
    }
  }

  #writeAtOnce(text: string): void {
    const temporary = writeTemporarySync(this.path, text, { mode: fileMode, flush: true })
    try {
      renameSync(temporary, this.path)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
  }

  async #write(text: string, isLate: () => boolean): Promise<void> {
    const options = { mode: fileMode, flushFolder: true, isStale: isLate }
    if (!(await writeFileAtomically(this.path, text, options))) {
      throw new Error('the disk answered too late')
    }
  }

  /** A disk that hangs must not block the controller, and a late write must not undo a newer one. */
  async #inTime<T>(job: (isLate: () => boolean) => Promise<T>): Promise<T> {
    let late = false
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        late = true
        reject(new Error(`no answer from the disk in ${this.#deadlineMs} ms`))
      }, this.#deadlineMs)
    })
    const done = this.#turns.take(async () => {
      if (late) throw new Error('the write started too late')
      return job(() => late)
    })
    try {
      return await Promise.race([done, deadline])
    } finally {
      clearTimeout(timer)
      done.catch(() => undefined)
    }
  }
}
