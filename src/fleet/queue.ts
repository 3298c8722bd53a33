/** Does one work after the other, whether the one before has failed or not. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve()

  /** Resolves or rejects as the work does. */
  add<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  /** Resolves when all work that was added before has ended. */
  async ended(): Promise<void> {
    await this.#last
  }
}
