import { dirname } from 'node:path'
import { mayUser } from '../../../../linux/inspect/as-user.ts'
import { readAccess, readSystemFile } from '../../../../linux/inspect/text-file.ts'
import { daemonNames } from '../../../../manifest/daemon-kinds.ts'
import { type Check, error, type Found, unseen } from '../../check.ts'

/** BIRD announces what the controller writes into its include file: the configuration must include it. */
export const include: Check = {
  name: 'include',
  reads:
    "BIRD's configuration: the line that includes the controller's file, and whether BIRD may read that file",
  async examine({ manifest, bundle }) {
    if (manifest === null || manifest.paths.announceFile === null) return []
    const { announceFile, configFile } = manifest.paths
    const { project, user } = daemonNames[manifest.daemon]
    const found: Found[] = []
    if (configFile !== undefined) {
      const text = await readSystemFile(configFile)
      if (text === null) {
        const cure = `run \`anyward apply --bundle ${bundle ?? 'DIR'}\``
        found.push(error(`there is no ${configFile}`, cure))
      } else if (!includesFile(text, announceFile)) {
        const line = `include "${announceFile.replace(/(.)$/, '[$1]')}";`
        const cure = `install the bundle with \`anyward apply\`, or, if the configuration is your own, add ${line}`
        found.push(error(`${configFile} does not include ${announceFile}: nothing is announced`, cure))
      }
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

/** Whether an include that is no comment names the file, as it is or as a pattern such as `announce.con[f]`. */
export function includesFile(text: string, file: string): boolean {
  for (const [, pattern] of text.matchAll(/^[^#\n"]*\binclude\s+"([^"\n]+)"\s*;/gm)) {
    if (pattern!.replace(/\[(.)\]/g, '$1') === file) return true
    if (pattern === `${dirname(file)}/*.conf`) return true
  }
  return false
}
