import { dirname, join } from 'node:path'
import { listPrograms } from '../../../../linux/inspect/programs-running.ts'
import { readSystemFile } from '../../../../linux/inspect/text-file.ts'
import { describeMissing, findMissingPrograms } from '../../../../linux/programs.ts'
import { daemonNames } from '../../../../manifest/daemon-kinds.ts'
import { compareVersions, findMismatch, oldestVersions } from '../../../../manifest/daemon-versions.ts'
import type { Manifest } from '../../../../manifest/manifest.ts'
import { DaemonError } from '../../../routing/daemon.ts'
import { readDaemonVersion } from '../../../routing/version.ts'
import { type Check, error, type Found, warning } from '../../check.ts'

/** The daemon's version, and for FRR the daemons and modules that the bundle needs. */
export const daemon: Check = {
  name: 'daemon',
  reads:
    'the version of the running daemon, against that of the bundle; for FRR its daemons, and `-M rpki` where the bundle has RPKI',
  async examine({ manifest }) {
    if (manifest === null) return []
    const found: Found[] = []
    const version = await askVersion(manifest)
    const oldest = oldestVersions[manifest.daemon]
    if (version !== null && compareVersions(version, oldest) < 0) {
      const { project } = daemonNames[manifest.daemon]
      const message = `${project} ${version} is older than ${oldest}`
      found.push(error(message, 'upgrade it: the configuration needs a newer one'))
    }
    const mismatch = version === null ? null : findMismatch(manifest, version)
    if (mismatch !== null) found.push(error(mismatch.problem, mismatch.cure))
    return [...found, ...(manifest.daemon === 'frr' ? await examineFrr(manifest) : [])]
  },
}

/** `null`: it does not answer, which is another check's finding. */
async function askVersion({ daemon: kind, paths }: Manifest): Promise<string | null> {
  try {
    return await readDaemonVersion({ kind, socketPath: paths.daemonSocket, deadlineMs: 3000 })
  } catch (cause) {
    if (cause instanceof DaemonError) return null
    throw cause
  }
}

async function examineFrr(manifest: Manifest): Promise<Found[]> {
  const found: Found[] = []
  const { configFile = '/etc/frr/frr.conf', daemonSocket } = manifest.paths
  const file = join(dirname(configFile), 'daemons')
  const needsRpki = (manifest.rpki ?? null) !== null
  const needsBfd = manifest.neighbors.some(({ session }) => (session?.bfd ?? null) !== null)
  const missing = await findMissingPrograms(['bgpd', ...(needsRpki ? ['bgpd_rpki.so'] : [])])
  if (missing.length > 0)
    found.push(error(`missing on this machine: ${describeMissing(missing)}`, 'install it'))
  const text = await readSystemFile(file)
  if (text !== null) {
    const wanted = ['bgpd', ...(needsBfd ? ['bfdd'] : [])]
    for (const name of wanted.filter((one) => !isEnabled(text, one))) {
      found.push(error(`${file} does not start ${name}`, `set ${name}=yes in ${file}, then restart FRR`))
    }
  }
  if (!needsRpki) return found
  const { programs } = await listPrograms()
  const running = programs.filter(
    ({ name, argv }) => name === 'bgpd' && usesSocket(argv, dirname(daemonSocket)),
  )
  const lacks = running.length > 0 ? running.some(({ argv }) => !loadsRpki(argv.join(' '))) : lacksRpki(text)
  if (lacks) {
    const cure = `add -M rpki to bgpd_options in ${file}, then restart FRR`
    found.push(error('bgpd runs without the module rpki, and drops the whole rpki configuration', cure))
  }
  if (!lacks && lacksRpki(text)) {
    const cure = `add -M rpki to bgpd_options in ${file}`
    found.push(warning('bgpd runs with the module rpki, but will not at the next start', cure))
  }
  return found
}

export function isEnabled(text: string, daemon: string): boolean {
  return new RegExp(`^[ \\t]*${daemon}=["']?(?:yes|1|true)\\b`, 'm').test(text)
}

/** `false` where there is no such file. */
function lacksRpki(text: string | null): boolean {
  return text !== null && !loadsRpki(/^[ \t]*bgpd_options=(.*)$/m.exec(text)?.[1] ?? '')
}

export function loadsRpki(words: string): boolean {
  return /(?:^|[\s"'])(?:-M|--module[= ])\s*["']?\S*rpki/.test(words)
}

/** FRR's own default is no argument. */
function usesSocket(argv: readonly string[], folder: string): boolean {
  const at = argv.indexOf('--vty_socket')
  return at === -1 || argv[at + 1] === folder
}
