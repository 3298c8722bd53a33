import { lstat } from 'node:fs/promises'
import { openRegularFile } from '../../files/open-regular-file.ts'
import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { SavedNetwork } from '../routing/daemon.ts'
import { configFilesOf, findNetworkLines, withoutNetworkLines } from '../routing/frr/saved-networks.ts'
import { replaceFile } from './files.ts'

/** Another program may write the file at the same time. */
const attempts = 5

/** Removes the announcements that a daemon saved in its files; `null`: it saves none. */
export const cleaners: Readonly<Record<DaemonKind, typeof cleanFrr | null>> = { bird: null, frr: cleanFrr }

/**
 * Removes the controller's announcements that `write memory` saved from FRR's files, so that FRR without a controller
 * announces none of `own`. All other bytes, the owner and the mode stay. Returns the removed lines. Throws a system
 * error, or an Error that names the file.
 */
async function cleanFrr(
  configFile: string,
  own: ReadonlySet<string>,
  vrfs: readonly string[],
): Promise<SavedNetwork[]> {
  const removed: SavedNetwork[] = []
  for (const file of configFilesOf(configFile)) {
    let attempt = 1
    for (;;) {
      const lines = await cleanFile(file, own, vrfs)
      if (lines !== null) {
        removed.push(...[...lines].map(([line, prefix]) => ({ file, line, prefix })))
        break
      }
      attempt += 1
      if (attempt > attempts) throw new Error(`${file} is being written by another program: try again`)
    }
  }
  return removed
}

/** The prefixes of the removed lines by line number; `null`: the file was replaced meanwhile. */
async function cleanFile(
  file: string,
  own: ReadonlySet<string>,
  vrfs: readonly string[],
): Promise<ReadonlyMap<number, string> | null> {
  const config = await openRegularFile(file)
  if (config === null) return new Map()
  const { path, handle } = config
  try {
    const before = await handle.stat({ bigint: true })
    // latin1 preserves every byte of any encoding.
    const text = await handle.readFile('latin1')
    const lines = findNetworkLines(text, own, vrfs)
    if (lines.size === 0) return lines
    const content = Buffer.from(withoutNetworkLines(text, lines), 'latin1')
    const owner = { uid: Number(before.uid), gid: Number(before.gid), mode: Number(before.mode) & 0o7777 }
    const replaced = await replaceFile(path, content, owner, async () => {
      const now = await lstat(path, { bigint: true }).catch(() => null)
      return (
        now === null || now.ino !== before.ino || now.mtimeNs !== before.mtimeNs || now.size !== before.size
      )
    })
    return replaced ? lines : null
  } finally {
    await handle.close()
  }
}
