/**
 * Waits for all of them, also when one fails, and then throws the first failure: nothing may still be at
 * work when the lab is taken down.
 */
export async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(work)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  return results.map((result) => (result as PromiseFulfilledResult<T>).value)
}
