import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'

const mostBytes = 64 * 1024

/** A small file that is read again when it has changed. */
export class WatchedFile {
  readonly #path: string
  readonly #isSecret: boolean
  #seen = ''
  text: string | null = null
  /** Why there is no text, and the cure. */
  problem: string | null = null

  /** @param isSecret it must be out of reach of other users */
  constructor(path: string, { isSecret }: { isSecret: boolean }) {
    this.#path = path
    this.#isSecret = isSecret
  }

  /** Reads it if it has changed. Resolves with whether it has. Never rejects. */
  async look(): Promise<boolean> {
    const signature = await stat(this.#path, { bigint: true }).then(
      ({ ino, size, ctimeNs, mtimeNs }) => [ino, size, ctimeNs, mtimeNs].join(),
      (error: NodeJS.ErrnoException) => String(error.code),
    )
    if (signature === this.#seen) return false
    this.#seen = signature
    try {
      // A pipe does not block.
      const handle = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK)
      try {
        this.problem = await this.#judge(handle)
        this.text = this.problem === null ? await readAll(handle) : null
      } finally {
        await handle.close()
      }
    } catch (error) {
      this.text = null
      const { code } = error as NodeJS.ErrnoException
      this.problem = `${this.#path} cannot be read (${code}): the user of this program must be able to`
    }
    return true
  }

  async #judge(handle: FileHandle): Promise<string | null> {
    const { uid, gid, mode, size } = await handle.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return `${this.#path} is not a regular file`
    if (size > mostBytes) return `${this.#path} has ${size} bytes, and ${mostBytes} at most are read`
    if (!this.#isSecret) return null
    const self = process.geteuid!()
    if (uid !== 0 && uid !== self)
      return `${this.#path} belongs to another user (uid ${uid}), who could add tokens: \`chown root ${this.#path}\``
    // The group may read it, where it is the group of this program.
    const isOurs = gid === process.getegid!() || process.getgroups!().includes(gid)
    const allowed = isOurs ? 0o740 : 0o700
    if ((mode & 0o777 & ~allowed) !== 0)
      return `${this.#path} can be read or written by others (mode ${(mode & 0o777).toString(8)}): \`chmod 600 ${this.#path}\``
    return null
  }
}

async function readAll(handle: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(mostBytes)
  const { bytesRead } = await handle.read(buffer, 0, mostBytes, 0)
  return buffer.toString('utf8', 0, bytesRead)
}
