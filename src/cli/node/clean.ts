import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { manifestName, readManifest } from '../../bundle/read.ts'
import { cleanSaved } from '../../node/apply/clean.ts'
import { lockApply } from '../../node/apply/lock.ts'
import { ownPrefixesOf } from '../../node/routing/own-prefixes.ts'
import { defaultBundle } from '../commands/options.ts'
import { CommandError, exitCode } from '../failure.ts'

/** `anyward apply --clean`, which FRR's unit also runs before FRR starts: on a machine without a bundle it does nothing. */
export async function cleanNode(bundle = defaultBundle): Promise<void> {
  const write = (line: string) => process.stdout.write(`${line}\n`)
  if (!existsSync(join(bundle, manifestName))) {
    write(`no bundle in ${bundle}: nothing to remove`)
    return
  }
  const manifest = await readManifest(bundle)
  const { configFile, bundleDir = bundle } = manifest.paths
  if (manifest.daemon !== 'frr' || configFile === undefined) {
    write(
      `${manifest.node} announces through BIRD, whose configuration holds no announcements: nothing to remove`,
    )
    return
  }
  const lock = await lockApply(bundleDir)
  if (lock.outcome === 'busy') {
    const process = lock.pid === null ? '' : ` (process ${lock.pid})`
    throw new CommandError(
      `an apply runs on ${manifest.node}${process}, which removes saved announcements itself`,
      {
        hint: 'wait until it has ended; nothing was changed',
        exitCode: exitCode.findings,
      },
    )
  }
  try {
    const removed = await cleanSaved(configFile, ownPrefixesOf(manifest))
    for (const { file, line, prefix } of removed) write(`removed: ${file}:${line} network ${prefix}`)
    if (removed.length === 0) write(`no saved announcements in ${configFile}`)
  } catch (cause) {
    throw new CommandError((cause as Error).message, { hint: 'run this as root', cause })
  } finally {
    lock.release()
  }
}
