import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { expandGlob, matchesPath } from '../../../files/glob.ts'
import { readCarefully } from '../../../files/open-regular-file.ts'
import { findBirdIncludes } from '../../../syntax/bird-tokens.ts'

/** BIRD itself stops at eight levels. */
const deepest = 8

export interface FoundInclude {
  /** The file that has the line. */
  readonly file: string
  /** As written. */
  readonly pattern: string
  /** Whether it is in the block of a protocol or a filter, where no protocol can be. */
  readonly inBlock: boolean
}

/**
 * The `include` by which BIRD reads `file` with its configuration `configFile`: in that file or in one that it includes.
 * `undefined`: there is none; `null`: the configuration cannot be read.
 */
export async function findInclude(
  configFile: string,
  file: string,
): Promise<FoundInclude | undefined | null> {
  return search(resolve(configFile), resolve(file), deepest)
}

/** Whether BIRD reads `file` with its configuration. `null`: that cannot be read. */
export async function readsFile(configFile: string, file: string): Promise<boolean | null> {
  const found = await findInclude(configFile, file)
  return found === null ? null : found !== undefined
}

async function search(
  configFile: string,
  file: string,
  depth: number,
): Promise<FoundInclude | undefined | null> {
  let text: string
  try {
    text = await readFile(configFile, { encoding: 'latin1', flag: readCarefully })
  } catch {
    return null
  }
  for (const { pattern, inBlock } of findBirdIncludes(text)) {
    const path = resolve(dirname(configFile), pattern)
    if (matchesPath(file, path)) return { file: configFile, pattern, inBlock }
    if (depth === 0) continue
    for (const included of await expandGlob(path)) {
      const found = await search(included, file, depth - 1)
      if (found != null) return { ...found, inBlock: found.inBlock || inBlock }
    }
  }
  return undefined
}
