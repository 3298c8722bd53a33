/**
 * Which of the last probes were bad. Before the window is full, the missing probes count as good, so that a few bad ones
 * after a start weigh no more than later.
 */
export interface LossWindow {
  /** Conclusive probes since the first bad one that counts. */
  readonly taken: number
  /** The numbers of the bad ones, ascending, the first probe being 1. */
  readonly lost: readonly number[]
}

export interface WindowRules {
  readonly size: number
  /** Share, 0 to 1. */
  readonly maxLoss: number
}

export const emptyWindow: LossWindow = { taken: 0, lost: [] }

/** The window after one more probe; the same object if nothing changes, as in a run of good probes. */
export function slideWindow(window: LossWindow, isBad: boolean, { size }: WindowRules): LossWindow {
  const first = window.lost[0]
  if (first === undefined && !isBad) return window
  const taken = window.taken + 1
  let lost = window.lost
  if (first !== undefined && first <= taken - size) lost = lost.slice(1)
  if (isBad) lost = [...lost, taken]
  return lost.length === 0 ? emptyWindow : { taken, lost }
}

/** 0 to 1. */
export function lossShare(window: LossWindow, { size }: WindowRules): number {
  return window.lost.length / size
}

/** Whether more than `maxLoss` of the last `size` probes were bad; never with `maxLoss: 1`. */
export function losesTooMany(window: LossWindow, rules: WindowRules): boolean {
  return lossShare(window, rules) > rules.maxLoss
}

/** Hysteresis: half of `maxLoss`, so that an endpoint at the limit does not flap. */
export function losesFewAgain(window: LossWindow, rules: WindowRules): boolean {
  return lossShare(window, rules) <= rules.maxLoss / 2
}
