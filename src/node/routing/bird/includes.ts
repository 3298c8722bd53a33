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
 * Of several it is the worst: in a block, or of a file that may be missing. `undefined`: there is none; `null`: the
 * configuration cannot be read.
 */
export async function findInclude(
  configFile: string,
  file: string,
): Promise<FoundInclude | undefined | null> {
  const wanted = resolve(file)
  let level = [{ path: resolve(configFile), inBlock: false }]
  const all: FoundInclude[] = []
  // A file may be included in a block and outside of it.
  const seen = new Set<string>()
  for (let depth = 0; depth <= deepestInclude; depth += 1) {
    const next: typeof level = []
    for (const { path, inBlock } of level) {
      const visit = `${inBlock} ${path}`
      if (seen.has(visit)) continue
      seen.add(visit)
      const text = await readFile(path, { encoding: 'latin1', flag: readCarefully }).catch(() => null)
      if (text === null && depth === 0) return null
      for (const include of findBirdIncludes(text ?? '')) {
        const { pattern } = include
        const included = resolve(dirname(path), pattern)
        const found = { file: path, pattern, inBlock: inBlock || include.inBlock }
        if (matchesPath(wanted, included)) {
          all.push({ ...found, mayBeMissing: isGlob(basename(pattern)) && isGlob(dirname(pattern)) })
          continue
        }
        next.push(...(await expandGlob(included)).map((one) => ({ path: one, inBlock: found.inBlock })))
      }
    }
    level = next
  }
  return all.find((one) => one.inBlock) ?? all.find((one) => !one.mayBeMissing) ?? all[0]
}

/** Whether BIRD reads `file` with its configuration. `null`: that cannot be read. */
export async function readsFile(configFile: string, file: string): Promise<boolean | null> {
  const found = await findInclude(configFile, file)
  return found === null ? null : found !== undefined
}
