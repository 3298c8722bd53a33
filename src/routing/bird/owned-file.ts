import { open, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DaemonError } from '../daemon.ts'
import { Turns } from '../turns.ts'

/** A small file that only we write and the daemon reads. Whoever reads it sees the old text or the new, whole. */
export class OwnedFile {
  readonly path: string
  readonly #deadlineMs: number
  readonly #turns = new Turns()

  constructor(path: string, deadlineMs: number) {
    this.path = path
    this.#deadlineMs = deadlineMs
  }

  /** `null` when it cannot be read, for whatever reason: the next write tells. */
  read(): Promise<string | null> {
    return this.#inTime(() => readFile(this.path, 'utf8')).catch(() => null)
  }

  /** On disk when it resolves. Throws DaemonError('file' or 'permission'). */
  async replace(text: string): Promise<void> {
    try {
      await this.#inTime((abandoned) => this.#write(text, abandoned))
    } catch (cause) {
      const { code = String(cause) } = cause as NodeJS.ErrnoException
      const problem = code === 'EACCES' || code === 'EPERM' ? 'permission' : 'file'
      throw new DaemonError(problem, `cannot write ${this.path}: ${code}`, { cause })
    }
  }

  async #write(text: string, abandoned: () => boolean): Promise<void> {
    const directory = dirname(this.path)
    // No glob of an include matches a leading dot, or BIRD would read both files.
    const temporary = join(directory, `.${basename(this.path)}.${process.pid}.new`)
    try {
      const file = await open(temporary, 'w', 0o644)
      try {
        // The daemon runs as another user, and our umask may deny it the file.
        await file.chmod(0o644)
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      if (abandoned()) throw new Error('the disk came back too late')
      await rename(temporary, this.path)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw error
    }
    const folder = await open(directory)
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  /** A disk that hangs must not hang us; and what it does late must not undo what came after. */
  async #inTime<T>(job: (abandoned: () => boolean) => Promise<T>): Promise<T> {
    let late = false
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        late = true
        reject(new Error(`no answer from the disk in ${this.#deadlineMs} ms`))
      }, this.#deadlineMs)
    })
    const done = this.#turns.take(async () => {
      if (late) throw new Error('its turn came too late')
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
