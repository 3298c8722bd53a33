import { combineChanges, compareTables, countRows, type VrpChanges } from '../rpki/vrp-changes.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'
import { buildTables } from '../rpki/vrp-table.ts'

const keptChanges = 16
const noChanges: VrpChanges = { added: buildTables(() => {}), removed: buildTables(() => {}) }

/** The served VRPs, and the changes since the last few serials. */
export class History {
  #vrps: VrpSet | null = null
  #serial = 0
  /** Changes by the serial that they start from. */
  #changes = new Map<number, VrpChanges>()

  get vrps(): VrpSet | null {
    return this.#vrps
  }

  get serial(): number {
    return this.#serial
  }

  /** The changes; `null` if it is the first set or equal to the last one. */
  update(vrps: VrpSet): VrpChanges | null {
    const before = this.#vrps
    if (before === null) {
      this.#vrps = vrps
      this.#serial = 1
      return null
    }
    const changes = compareTables(before.tables, vrps.tables)
    if (countOf(changes) === 0) return null
    // The last step is always kept: BIRD 2.0.12 reacts to a Cache Reset only after a whole retry interval.
    const older = [...this.#changes]
      .map(([serial, since]) => [serial, combineChanges(since, changes)] as const)
      .filter(([, all]) => countOf(all) <= Math.max(vrps.size / 2, 1024))
    this.#changes = new Map([...older, [this.#serial, changes] as const].slice(-keptChanges))
    this.#vrps = vrps
    this.#serial = (this.#serial + 1) >>> 0
    return changes
  }

  /** `null`: that serial is unknown, or too long ago. */
  changesSince(serial: number): VrpChanges | null {
    return serial === this.#serial ? noChanges : (this.#changes.get(serial) ?? null)
  }
}

function countOf({ added, removed }: VrpChanges): number {
  return countRows(added) + countRows(removed)
}
