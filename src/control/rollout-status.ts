/** A rollout as the page shows it: what `anyward rollout status` says, with times. */
export interface RolloutStatus {
  readonly id: string
  readonly startedBy: string
  readonly startedAt: string
  readonly state: 'running' | 'paused' | 'done' | 'undone' | 'failed'
  /** What it works on or why it rests, with who ordered it. */
  readonly sentence: string
  /** Since when that is so; `null`: not known. */
  readonly since: string | null
  readonly soakMs: number
  readonly waves: readonly RolloutWaveStatus[]
}

export interface RolloutWaveStatus {
  readonly name: string
  readonly state: string
  readonly counts: {
    readonly done: number
    readonly working: number
    readonly waiting: number
    readonly failed: number
    readonly undone: number
  }
  /** Of a large fleet those that are neither done nor waiting. */
  readonly nodes: readonly RolloutNodeStatus[]
}

export interface RolloutNodeStatus {
  readonly node: string
  readonly site: string
  readonly state: string
  /** The gate at which it waits, or what it does. */
  readonly detail: string | null
  readonly since: string | null
}

/** What /rollout answers. */
export interface RolloutAnswer {
  /** `null`: none is known. */
  readonly rollout: RolloutStatus | null
  /** Whether a command drives it; `null`: not known yet. */
  readonly isDriven: boolean | null
  /** Why it cannot be read. */
  readonly problem: string | null
  /** Whether orders are taken here, with a token; missing: none are. */
  readonly orders?: boolean
}
