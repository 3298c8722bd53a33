/** Runs jobs one after the other, in the order of the calls; one that fails does not stop the next. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job)
    this.#last = result.catch(() => undefined)
    return result
  }
}
