import { families } from '../../net/prefix.ts'
import { buildTables, type VrpTable, type VrpTables } from './vrp-table.ts'

/** The difference between two sets of VRPs. */
export interface VrpChanges {
  readonly added: VrpTables
  readonly removed: VrpTables
}

export function compareTables(before: VrpTables, after: VrpTables): VrpChanges {
  return { added: subtract(after, before), removed: subtract(before, after) }
}

/** The two in one step: what came and went again is in neither list. */
export function combineChanges(first: VrpChanges, second: VrpChanges): VrpChanges {
  return {
    added: unite(subtract(first.added, second.removed), subtract(second.added, first.removed)),
    removed: unite(subtract(first.removed, second.added), subtract(second.removed, first.added)),
  }
}

export function countRows(tables: VrpTables): number {
  return families.reduce((sum, family) => sum + tables[family].size, 0)
}

function unite(some: VrpTables, others: VrpTables): VrpTables {
  return buildTables((rows) => {
    for (const family of families) {
      rows[family].addTable(some[family])
      rows[family].addTable(others[family])
    }
  })
}

function subtract(from: VrpTables, what: VrpTables): VrpTables {
  return buildTables((rows) => {
    for (const family of families) {
      const left = from[family]
      const right = what[family]
      let other = 0
      for (let row = 0; row < left.size; row += 1) {
        while (other < right.size && compareRows(right, other, left, row) < 0) other += 1
        if (other === right.size || compareRows(right, other, left, row) !== 0) rows[family].addRow(left, row)
      }
    }
  })
}

function compareRows(a: VrpTable, rowOfA: number, b: VrpTable, rowOfB: number): number {
  for (let word = 0; word < a.words.length; word += 1) {
    const difference = a.words[word]![rowOfA]! - b.words[word]![rowOfB]!
    if (difference !== 0) return difference
  }
  return (
    a.lengths[rowOfA]! - b.lengths[rowOfB]! ||
    a.asns[rowOfA]! - b.asns[rowOfB]! ||
    a.maxLengths[rowOfA]! - b.maxLengths[rowOfB]!
  )
}
