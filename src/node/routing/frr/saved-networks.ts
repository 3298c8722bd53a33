import { dirname, join } from 'node:path'
import { openRegularFile } from '../../../files/open-regular-file.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { defaultVrf, vrfsOf } from '../../../manifest/vrfs.ts'
import type { SavedLook, SavedNetwork, SavedNetworks } from '../daemon.ts'
import { canonicalPrefix, ownPrefixesOf } from '../own-prefixes.ts'
import { readRouterLine } from './router-line.ts'

/**
 * The files that bgpd reads at a start. Without frr.conf, bgpd reads bgpd.conf; without that, the backup of its
 * last `write memory` (seen in 8.4.4).
 */
export function configFilesOf(configFile: string): string[] {
  const dir = dirname(configFile)
  return [configFile, join(dir, 'bgpd.conf'), join(dir, 'bgpd.conf.sav')]
}

/**
 * The lines, counted from 1, by which a bgpd that reads `text` originates prefixes of `own`. These are the lines
 * that the adapter sets at run time, and `write memory` saves them. `network` lines of other prefixes, of other
 * protocols, and of other VRFs and address families are not among them.
 * @param vrfs those of neighbors, in addition to the default one
 */
export function findNetworkLines(
  text: string,
  own: ReadonlySet<string>,
  vrfs: readonly string[] = [],
): Map<number, string> {
  const found = new Map<number, string>()
  let inInstance = false
  let inFamily = true
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (/^router(?: |$)/.test(line)) {
      const router = readRouterLine(line)
      inInstance = router !== null && [defaultVrf, ...vrfs].includes(router.vrf)
      inFamily = true
    } else if (line.startsWith('address-family ')) {
      inFamily = /^address-family ipv[46](?: unicast)?$/.test(line)
    } else if (line === 'exit-address-family') inFamily = true
    else if (line === 'end') inInstance = false
    if (!inInstance || !inFamily) continue
    const network = /^network (\S+)(.*)$/.exec(line)
    // `backdoor` marks a route of another AS; it originates nothing.
    if (network === null || / backdoor\b/.test(network[2]!)) continue
    const prefix = canonicalPrefix(network[1]!)
    if (prefix !== null && own.has(prefix)) found.set(index + 1, prefix)
  }
  return found
}

/** `text` without those lines; each other byte stays. */
export function withoutNetworkLines(text: string, lines: ReadonlyMap<number, string>): string {
  return text
    .split('\n')
    .filter((_, index) => !lines.has(index + 1))
    .join('\n')
}

/** Finds saved announcements. A file that has not changed is not read again. */
export function createSavedNetworks(manifest: Manifest): SavedNetworks {
  const own = ownPrefixesOf(manifest)
  const vrfs = vrfsOf(manifest.neighbors)
  const { configFile } = manifest.paths
  const files = configFile === undefined ? [] : configFilesOf(configFile)
  const known = new Map<string, { state: string; found: readonly SavedNetwork[] }>()
  const lookAt = async (file: string) => {
    const config = await openRegularFile(file)
    if (config === null) return []
    try {
      const { ino, size, mtimeNs, ctimeNs } = await config.handle.stat({ bigint: true })
      const state = `${ino} ${size} ${mtimeNs} ${ctimeNs}`
      const before = known.get(file)
      if (before?.state === state) return before.found
      const lines = findNetworkLines(await config.handle.readFile('latin1'), own, vrfs)
      const found = [...lines].map(([line, prefix]) => ({ file, line, prefix }))
      known.set(file, { state, found })
      return found
    } finally {
      await config.handle.close()
    }
  }
  return {
    async look(): Promise<SavedLook> {
      const found: SavedNetwork[] = []
      let problem: SavedLook['problem'] = null
      for (const file of files) {
        try {
          found.push(...(await lookAt(file)))
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException
          problem ??= { file, cause: code ?? message }
        }
      }
      return { found, problem }
    },
  }
}
