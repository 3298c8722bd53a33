/** How many times slower than an idle machine this one was when the run began; `scripts/test` measures it. */
const slowness = Math.max(1, Number(process.env.ANYWARD_TEST_SLOWNESS ?? 1) || 1)

/** A limit for a machine that has nothing else to do, as it has to be on this one. */
export function patience(ms: number): number {
  return Math.ceil(ms * slowness)
}
