import { dirname, join } from 'node:path'
import { mayUser } from '../../../../linux/inspect/as-user.ts'
import { readAccess, readSystemFile } from '../../../../linux/inspect/text-file.ts'
import { globOf } from '../../../../manifest/announcements.ts'
import { daemonNames, filtersFile } from '../../../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../../../manifest/manifest.ts'
import { findInclude, readsFile } from '../../../routing/bird/includes.ts'
import { DaemonError } from '../../../routing/daemon.ts'
import { Vtysh } from '../../../routing/frr/vtysh.ts'
import { type Check, error, type Found, unseen, warning } from '../../check.ts'

/** For one answer of FRR, within the limit of a check. */
const runningMs = 10_000

/** BIRD announces what the controller writes into its include file: the configuration must include it. */
export const include: Check = {
  name: 'include',
  reads:
    "BIRD's configuration, with the files that it includes: the line that includes the controller's file, its place, and whether BIRD may read that file; on an attached node also the filters of the bundle",
  async examine({ manifest, bundle }) {
    if (manifest === null) return []
    if (manifest.paths.announceFile === null) return examineRouteMaps(manifest)
    const { announceFile, configFile, bundleDir } = manifest.paths
    const isAttached = manifest.routing === 'attached'
    const { project, user } = daemonNames[manifest.daemon]
    const found: Found[] = []
    if (configFile !== undefined) {
      const line = `include "${globOf(announceFile)}";`
      const include = await findInclude(configFile, announceFile)
      if (include === null) {
        const cure = isAttached
          ? `write your own configuration into ${configFile}, with the line ${line}`
          : `run \`anyward apply --bundle ${bundle ?? 'DIR'}\``
        // Throws where this user may not read it.
        const isMissing = (await readSystemFile(configFile)) === null
        found.push(error(isMissing ? `there is no ${configFile}` : `${configFile} cannot be read`, cure))
      } else if (include === undefined) {
        const cure = isAttached
          ? `add the line ${line} outside of all blocks, then \`birdc configure\``
          : `install the bundle with \`anyward apply\`, or, if the configuration is your own, add ${line}`
        found.push(error(`${configFile} does not include ${announceFile}: nothing is announced`, cure))
      } else if (include.inBlock) {
        const message = `${include.file} has include "${include.pattern}" inside a block: BIRD refuses its whole configuration as soon as something is announced`
        found.push(error(message, `write ${line} outside of all blocks`))
      } else if (!include.mayBeMissing) {
        const message = `${include.file} has include "${include.pattern}": while that is missing, as after a boot, BIRD refuses its whole configuration`
        found.push(
          warning(message, `write ${line}: a pattern may match nothing, in the folder as in the file`),
        )
      }
      if (isAttached && bundleDir !== undefined) found.push(...(await examineFilters(configFile, bundleDir)))
    }
    const folder = dirname(announceFile)
    // The controller creates it.
    if ((await readAccess(folder)) === null) return found
    const may = await mayUser(user, 'search', folder)
    if (may === false) {
      found.push(error(`${project}'s user ${user} cannot enter ${folder}`, `chmod o+x ${folder}`))
    }
    if ((await readAccess(announceFile)) === null || may === false) return found
    const mayRead = await mayUser(user, 'read', announceFile)
    if (mayRead === null && process.geteuid!() !== 0) {
      found.push(unseen(`not checked: whether the user ${user} may read ${announceFile}`))
    }
    if (mayRead === false) {
      found.push(error(`${project}'s user ${user} cannot read ${announceFile}`, `chmod o+r ${announceFile}`))
    }
    return found
  },
}

/** An attached node's own filters may call those of the bundle, or not. */
async function examineFilters(configFile: string, bundleDir: string): Promise<Found[]> {
  const filters = join(bundleDir, filtersFile)
  if ((await readsFile(configFile, filters)) !== false) return []
  const message = `${configFile} does not include ${filters}: no neighbor gets a degraded announcement as one`
  return [
    warning(
      message,
      `add include "${dirname(filters)}/${filtersFile.replace(/.$/, '[$&]')}"; before the filters that call it, if you want that`,
    ),
  ]
}

/** FRR has no include: an attached node keeps our route-maps in its own file. */
async function examineRouteMaps({
  routing,
  paths: { configFile, daemonSocket },
}: Manifest): Promise<Found[]> {
  if (routing !== 'attached' || configFile === undefined) return []
  const text = await readSystemFile(configFile)
  if (text === null) return [error(`there is no ${configFile}`, 'write your own configuration into it')]
  const running = findUndefinedMaps(await readRunning(daemonSocket))
  const missing = running.map((name) =>
    error(
      `bgpd uses the route-map ${name} and does not have it, as after a reload of FRR: its sessions exchange no routes`,
      'run `anyward apply`, then `write memory` in vtysh',
    ),
  )
  const others = findUndefinedMaps(text).filter((name) => !running.includes(name))
  const inFile = others.map((name) =>
    error(
      `${configFile} uses the route-map ${name} and does not define it: after a restart of FRR its sessions exchange no routes`,
      'run `anyward apply`, then `write memory` in vtysh',
    ),
  )
  return [...missing, ...inFile]
}

/** Empty, if FRR does not answer: the check of its socket says so. */
async function readRunning(daemonSocket: string): Promise<string> {
  try {
    return await new Vtysh(dirname(daemonSocket), runningMs).readRunning()
  } catch (cause) {
    if (cause instanceof DaemonError) return ''
    throw cause
  }
}

/** Our route-maps that a frr.conf uses, and does not define. */
export function findUndefinedMaps(text: string): string[] {
  const used = [...text.matchAll(/^[ \t]+(?:neighbor \S+ route-map|call) (aw[_-]\S+)/gm)].map(
    ([, name]) => name!,
  )
  const defined = new Set([...text.matchAll(/^route-map (\S+) /gm)].map(([, name]) => name))
  return [...new Set(used)].filter((name) => !defined.has(name)).sort()
}
