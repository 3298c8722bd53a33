/**
 * An initiation takes a millisecond or two of this process. If many services of a node fail at once, the others are asked
 * as without suspicion: otherwise this process would be late for all of them.
 */
const most = 8

/** The endpoints of a node that are asked closely at the same time. */
export class CloseCycles {
  #running = 0

  /** Whether one more may begin; then it has to `end`. */
  begin(): boolean {
    if (this.#running >= most) return false
    this.#running += 1
    return true
  }

  end(): void {
    this.#running -= 1
  }
}
