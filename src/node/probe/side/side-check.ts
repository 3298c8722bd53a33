import type { SideCheck } from '../../../manifest/words.ts'

export interface SideCheckResult {
  readonly check: SideCheck
  /** `inconclusive`: proves nothing about the service, because the check could not run. */
  readonly outcome: 'good' | 'bad' | 'inconclusive'
  /** A word for metrics and decisions, such as `egress-no-reply`; `null` if good. */
  readonly cause: string | null
  /** A sentence for the operator. */
  readonly detail: string
  readonly tookMs: number
}

/** A check of what is behind the endpoint, with an interval of its own. */
export interface SideProbe {
  readonly check: SideCheck
  readonly intervalMs: number
  /** Never rejects, and ends by its deadline. One at a time. */
  run(): Promise<SideCheckResult>
  /** Ends a running check as inconclusive. */
  close(): Promise<void>
}
