import type { ManifestNeighbor } from '../manifest.ts'

export interface RuleChange {
  readonly rule: string
  readonly direction: 'import' | 'export'
  /** `relaxed`: the YAML removes it; `restored`: it no longer does. */
  readonly change: 'relaxed' | 'restored' | 'added' | 'removed' | 'changed'
}

/** How the rules of a session differ; empty if one of the two bundles lacks them. */
export function compareRules(before: ManifestNeighbor, after: ManifestNeighbor): RuleChange[] {
  const had = before.session
  const has = after.session
  if (had === undefined || has === undefined) return []
  return (['import', 'export'] as const).flatMap((direction) => {
    const earlier = had[`${direction}Rules`]
    const later = has[`${direction}Rules`]
    const rules = new Set([...Object.keys(earlier), ...Object.keys(later)])
    return [...rules].flatMap((rule): RuleChange[] => {
      if (earlier[rule] === later[rule]) return []
      if (earlier[rule] === undefined) {
        return [{ rule, direction, change: had.relaxed.includes(rule) ? 'restored' : 'added' }]
      }
      if (later[rule] === undefined) {
        return [{ rule, direction, change: has.relaxed.includes(rule) ? 'relaxed' : 'removed' }]
      }
      return [{ rule, direction, change: 'changed' }]
    })
  })
}
