/** The environment, of which NO_COLOR, FORCE_COLOR and TERM count. Node's `hasColors()` sees no color under CI, and is not asked. */
type Environment = Readonly<Record<string, string | undefined>>

interface Output {
  readonly isTTY?: boolean
}

/** https://no-color.org first, then FORCE_COLOR; otherwise a terminal that is not dumb. */
export function hasColor(stream: Output, env: Environment): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return canRedraw(stream, env)
}

/** Whether the cursor can be moved there. */
export function canRedraw({ isTTY }: Output, env: Environment): boolean {
  return isTTY === true && env.TERM !== 'dumb'
}
