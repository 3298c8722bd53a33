/**
 * Waits for all promises, also if one fails, and then throws the first failure: no work may continue when the lab
 * is taken down.
 */
export async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(work)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  return results.map((result) => (result as PromiseFulfilledResult<T>).value)
}

/**
 * The same for jobs that it starts, a limited number at once. After a failure it starts no more, and throws the
 * first failure.
 */
export async function fewAtOnce<T>(width: number, things: readonly T[], work: (thing: T) => Promise<void>) {
  const queue = [...things]
  const failures: unknown[] = []
  const worker = async () => {
    for (let thing = queue.shift(); thing !== undefined; thing = queue.shift()) {
      try {
        await work(thing)
      } catch (error) {
        failures.push(error)
        queue.length = 0
      }
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  if (failures.length > 0) throw failures[0]
}
