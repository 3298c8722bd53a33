import { patience } from '../../patience.ts'

/**
 * Polls until `look` returns null; at the deadline it fails with the last value.
 * @param look returns `null` when the condition holds, else what it found
 */
export async function until(
  what: string,
  look: () => Promise<string | null>,
  { withinMs = 60_000, everyMs = 5 } = {},
): Promise<void> {
  const end = performance.now() + patience(withinMs)
  for (;;) {
    const complaint = await look()
    if (complaint === null) return
    if (performance.now() > end)
      throw new Error(`waited ${patience(withinMs)} ms until ${what}: ${complaint}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** Polls until `read` returns the expected value; at the deadline it fails with the last value. */
export async function untilEqual<T>(what: string, expected: T, read: () => Promise<T>, withinMs = 60_000) {
  const wanted = JSON.stringify(expected)
  await until(
    `${what} is ${wanted}`,
    async () => {
      const got = JSON.stringify(await read())
      return got === wanted ? null : `it is ${got}`
    },
    { withinMs },
  )
}
