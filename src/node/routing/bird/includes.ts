import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { expandGlob, isGlob, matchesPath } from '../../../files/glob.ts'
import { readCarefully } from '../../../files/open-regular-file.ts'
import { deepestInclude, findBirdIncludes } from '../../../syntax/bird-tokens.ts'

export interface FoundInclude {
  /** The file that has the line. */
  readonly file: string
  /** As written. */
  readonly pattern: string
  /** Whether it is in the block of a protocol or a filter, where no protocol can be. */
  readonly inBlock: boolean
  /** Whether it may match nothing, in its folder as in its file: BIRD refuses its configuration where a plain path is missing. */
  readonly mayBeMissing: boolean
}

/**
 * The `include` by which BIRD reads `file` with its configuration `configFile`: in that file or in one that it includes.
 * `undefined`: there is none; `null`: the configuration cannot be read.
 */
export async function findInclude(
  configFile: string,
  file: string,
): Promise<FoundInclude | undefined | null> {
  const wanted = resolve(file)
  let level = [{ path: resolve(configFile), inBlock: false }]
  const seen = new Set<string>()
  for (let depth = 0; depth <= deepestInclude; depth += 1) {
    const next: typeof level = []
    for (const { path, inBlock } of level) {
      if (seen.has(path)) continue
      seen.add(path)
      const text = await readFile(path, { encoding: 'latin1', flag: readCarefully }).catch(() => null)
      if (text === null && depth === 0) return null
      for (const include of findBirdIncludes(text ?? '')) {
        const { pattern } = include
        const included = resolve(dirname(path), pattern)
        const found = { file: path, pattern, inBlock: inBlock || include.inBlock }
        if (matchesPath(wanted, included)) {
          return { ...found, mayBeMissing: isGlob(basename(pattern)) && isGlob(dirname(pattern)) }
        }
        next.push(...(await expandGlob(included)).map((one) => ({ path: one, inBlock: found.inBlock })))
      }
    }
    level = next
  }
  return undefined
}

/** Whether BIRD reads `file` with its configuration. `null`: that cannot be read. */
export async function readsFile(configFile: string, file: string): Promise<boolean | null> {
  const found = await findInclude(configFile, file)
  return found === null ? null : found !== undefined
}
