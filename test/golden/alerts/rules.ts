import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const rulesFile = join(import.meta.dirname, '../../../templates/prometheus/anyward.rules.yml')

export interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: {
    readonly summary: string
    readonly description: string
    readonly runbook_url: string
  }
}

const { groups } = parse(readFileSync(rulesFile, 'utf8')) as { groups: { rules: Rule[] }[] }

export const rules: readonly Rule[] = groups.flatMap((group) => group.rules)

const unitS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

export function forSecondsOf({ for: duration = '0s' }: Rule): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(duration)!
  return Number(count) * unitS[unit!]!
}
