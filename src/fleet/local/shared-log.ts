import { randomBytes } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../files/make-folder.ts'
import { anyText, list, map, nullable, record, requireShape, whole, word } from '../../text/shape.ts'
import type { KeyValue } from '../store.ts'

export interface SharedLogOptions {
  /** Adds the name of a complete file: link(2), which tests delay. */
  readonly link?: (from: string, to: string) => Promise<void>
  /** The entries after which the log begins again with all values. */
  readonly compactAfter?: number
}

/** What `catchUp` reports: the changes of one entry, or that it began again with all values. */
export type LogStep =
  | { readonly step: 'changes'; readonly changes: readonly KeyValue[] }
  | { readonly step: 'reset' }

const change = record({ key: anyText(), value: nullable(anyText()) })
const changesOf = record({ changes: list(change, Number.POSITIVE_INFINITY) })
const seal = record({ sealed: word('sealed') })
const baseOf = record({
  revision: whole(0, Number.MAX_SAFE_INTEGER),
  values: map(anyText(), anyText(), Number.POSITIVE_INFINITY),
})

const mostSearches = 100

/**
 * A log that the processes of one machine share through a folder. Entry N is a file of that name, which link(2) creates
 * complete: of several processes that add entry N, exactly one succeeds, and no lock outlives a killed one.
 *
 * The log is a sequence of epochs. Each has a folder with a name of its own, which holds all values at its beginning and
 * the entries since. `epoch-N` names the folder of epoch N; it too is created by link(2), and never changes. An entry seals an
 * epoch before the next one begins and the folder is removed: a process that was stopped meanwhile finds no folder to
 * add an entry to.
 */
export class SharedLog {
  readonly #dir: string
  readonly #link: (from: string, to: string) => Promise<void>
  readonly #compactAfter: number
  readonly #onStep: (step: LogStep) => void
  /** `folder` is a path. */
  #epoch: { readonly number: number; readonly folder: string } | null = null
  #firstRevision = 0
  #revision = 0
  #values = new Map<string, string>()

  constructor(dir: string, onStep: (step: LogStep) => void, options: SharedLogOptions = {}) {
    this.#dir = dir
    this.#onStep = onStep
    this.#link = options.link ?? link
    this.#compactAfter = options.compactAfter ?? 1000
  }

  /** After `catchUp`: the values at a moment after it was called. */
  get values(): ReadonlyMap<string, string> {
    return this.#values
  }

  /** Reads what other processes have added. */
  async catchUp(): Promise<void> {
    for (let searches = 0; searches < mostSearches; ) {
      this.#epoch ??= await this.#enterNewest()
      if (this.#epoch === null) {
        searches += 1
        continue
      }
      const entry = await readIfThere(this.#entryFile())
      if (entry !== null) await this.#take(JSON.parse(entry))
      // No folder is created again, so that it was there when it had no such entry.
      else if (await isThere(this.#epoch.folder)) return
      else this.#epoch = null
    }
    throw new Error(`${this.#dir} has no folder of its newest epoch: remove it`)
  }

  /** Adds an entry to what `catchUp` has read; `false`: another process has added one, and nothing was added. */
  async append(changes: readonly KeyValue[]): Promise<boolean> {
    if (!(await this.#add({ changes }))) return false
    await this.#take({ changes })
    if (this.#revision - this.#firstRevision >= this.#compactAfter) {
      // The entry is added, whether this succeeds or not.
      await this.#add({ sealed: 'sealed' }).catch(() => {})
    }
    return true
  }

  async #add(entry: object): Promise<boolean> {
    const temporary = join(this.#epoch!.folder, `.${randomName()}`)
    try {
      await writeFile(temporary, JSON.stringify(entry), { flag: 'wx' })
      await this.#link(temporary, this.#entryFile())
      return true
    } catch (error) {
      // The entry exists, or the epoch has ended.
      if (!hasCode(error, 'EEXIST') && !hasCode(error, 'ENOENT')) throw error
      return false
    } finally {
      await rm(temporary, { force: true }).catch(() => {})
    }
  }

  async #take(entry: object): Promise<void> {
    if ('sealed' in entry) {
      requireShape(seal, entry)
      await this.#beginNext()
      return
    }
    const { changes } = requireShape(changesOf, entry)
    this.#revision += 1
    for (const { key, value } of changes) {
      if (value === null) this.#values.delete(key)
      else this.#values.set(key, value)
    }
    this.#onStep({ step: 'changes', changes })
  }

  /** Each process that reads the seal does this, because the one that added it may have been killed. */
  async #beginNext(): Promise<void> {
    const { number, folder } = this.#epoch!
    // Mostly another process was first.
    if (!(await isThere(this.#epochFile(number + 1)))) await this.#begin(number + 1)
    this.#epoch = null
    const removed = join(this.#dir, `.${randomName()}`)
    await rename(folder, removed).then(
      () => rm(removed, { recursive: true }),
      // Another process has renamed it.
      () => {},
    )
  }

  /** `null`: there was none, or it ended meanwhile. */
  async #enterNewest() {
    const number = Math.max(0, ...(await listEpochs(this.#dir)))
    if (number === 0) {
      await this.#begin(1)
      return null
    }
    const folder = join(this.#dir, await readFile(this.#epochFile(number), 'utf8'))
    const text = await readIfThere(join(folder, 'base'))
    if (text === null) return null
    const base = requireShape(baseOf, JSON.parse(text))
    this.#firstRevision = base.revision
    // Otherwise it has read everything before this epoch.
    if (base.revision !== this.#revision) {
      this.#revision = base.revision
      this.#values = new Map(Object.entries(base.values))
      this.#onStep({ step: 'reset' })
    }
    return { number, folder }
  }

  async #begin(epoch: number): Promise<void> {
    await makeFolder(this.#dir, 0o700)
    const name = `entries-${randomName()}`
    const folder = join(this.#dir, name)
    const base = { revision: this.#revision, values: Object.fromEntries(this.#values) }
    await mkdir(folder, 0o700)
    await writeFile(join(folder, 'base'), JSON.stringify(base))
    await writeFile(join(folder, 'name'), name)
    try {
      await link(join(folder, 'name'), this.#epochFile(epoch))
    } catch (error) {
      await rm(folder, { recursive: true })
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }

  #epochFile(epoch: number): string {
    return join(this.#dir, `epoch-${epoch}`)
  }

  /** Of the next entry. */
  #entryFile(): string {
    return join(this.#epoch!.folder, String(this.#revision + 1))
  }
}

function randomName(): string {
  return randomBytes(8).toString('hex')
}

async function listEpochs(dir: string): Promise<number[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  })
  return names.flatMap((name) => /^epoch-(\d+)$/.exec(name)?.[1] ?? []).map(Number)
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code
}
