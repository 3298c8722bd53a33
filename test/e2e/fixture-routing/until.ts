import { patience } from '../../patience.ts'

/**
 * Polls until `look` finds nothing left to complain about, and fails with its last words.
 * @param look `null` when all is well, else what is there instead
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

/** Polls until `read` gives that, and fails with what it gave instead. */
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
