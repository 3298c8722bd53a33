import type { SideCheck } from '../../../manifest/words.ts'

export interface SideCheckResult {
  readonly check: SideCheck
  /** `inconclusive`: it says nothing of the service, for it could not be asked. */
  readonly outcome: 'good' | 'bad' | 'inconclusive'
  /** A word for metrics and decisions, such as `egress-no-reply`; `null` where it is good. */
  readonly cause: string | null
  /** A sentence for a person. */
  readonly detail: string
  readonly tookMs: number
}

/** What lies behind the endpoint, asked at an interval of its own. */
export interface SideProbe {
  readonly check: SideCheck
  readonly intervalMs: number
  /** Never rejects, and ends by its deadline. One at a time. */
  run(): Promise<SideCheckResult>
  /** What runs is ended, as inconclusive. */
  close(): Promise<void>
}
