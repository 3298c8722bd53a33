import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { readCarefully } from '../../../files/open-regular-file.ts'

/** BIRD itself stops at eight levels. */
const deepest = 8

/**
 * Whether BIRD reads `file` with its configuration `configFile`: an `include` names it, also by a glob, in that file or
 * in one that it includes by its name. `null`: the configuration cannot be read.
 */
export async function readsFile(configFile: string, file: string): Promise<boolean | null> {
  return search(resolve(configFile), resolve(file), deepest)
}

async function search(configFile: string, file: string, depth: number): Promise<boolean | null> {
  let text: string
  try {
    text = await readFile(configFile, { encoding: 'latin1', flag: readCarefully })
  } catch {
    return null
  }
  for (const pattern of findIncludes(text)) {
    const path = resolve(dirname(configFile), pattern)
    if (globToRegExp(path).test(file)) return true
    const isName = !/[*?[\]]/.test(pattern)
    if (isName && depth > 0 && (await search(path, file, depth - 1)) === true) return true
  }
  return false
}

/** The patterns of the `include` lines, without those in comments. */
function findIncludes(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, ' ')
  return [...code.matchAll(/^\s*include\s+"([^"\n]+)"\s*;/gm)].map(([, pattern]) => pattern!)
}

/** The patterns of glob(3): `*`, `?` and a set in brackets match within one folder. */
function globToRegExp(pattern: string): RegExp {
  const source = pattern.replace(/\[!?[^\]]+\]|[*?]|[^\w/]/g, (part) => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 1) return part.replace(/^\[!/, '[^').replace(/\\/g, '\\\\')
    return `\\${part}`
  })
  return new RegExp(`^${source}$`)
}
