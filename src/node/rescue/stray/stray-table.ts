import { randomBytes } from 'node:crypto'
import { applyNft } from '../../../linux/nft.ts'
import { RunError } from '../../../linux/run.ts'
import { deleteTable, guardLine, renderTable, type StrayService } from './ruleset.ts'

/** `lost`: the table is gone, or is another process's. */
export class TableError extends Error {
  override readonly name = 'TableError'
  readonly isLost: boolean

  constructor(message: string, isLost: boolean) {
    super(message)
    this.isLost = isLost
  }
}

/** The nftables table of the watch, in this network namespace. Each method throws TableError. */
export class StrayTable {
  readonly #services: readonly StrayService[]
  readonly #group: number
  #owner = ''

  constructor(services: readonly StrayService[], group: number) {
    this.#services = services
    this.#group = group
  }

  /** Makes it, with empty sets, in the place of one that a process left when it was killed. */
  async create(): Promise<void> {
    const owner = `owner_${randomBytes(8).toString('hex')}`
    await this.#apply(renderTable(this.#services, this.#group, owner))
    this.#owner = owner
  }

  /** Commands for its sets: all of them, or none. Without any, it says whether the table is still there. */
  async change(commands: string): Promise<void> {
    await this.#apply(guardLine(this.#owner) + commands)
  }

  /** Does nothing if it is gone, or another process's. */
  async remove(): Promise<void> {
    if (this.#owner === '') return
    await this.#apply(deleteTable(this.#owner)).catch((error: unknown) => {
      if (!(error instanceof TableError && error.isLost)) throw error
    })
  }

  async #apply(input: string): Promise<void> {
    try {
      await applyNft(input)
    } catch (error) {
      if (error instanceof RunError) throw describe(error)
      throw error
    }
  }
}

/** Without the command that failed, which names endpoints of users: `nft` prints it below its message. */
function describe(error: RunError): TableError {
  if (error.kind === 'not-installed') {
    return new TableError('the program `nft` is missing: it is in the Debian package nftables', false)
  }
  if (error.kind !== 'failed') return new TableError(error.message, false)
  const [, words] = /(?:^|: )Error: ([^\n]*)/m.exec(error.words) ?? [null, 'nft failed']
  // ENOENT: the chain of the guard line.
  return new TableError(`nft: ${words}`, words!.includes('No such file or directory'))
}
