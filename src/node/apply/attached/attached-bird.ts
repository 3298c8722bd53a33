import { basename } from 'node:path'
import { globOf } from '../../../manifest/announcements.ts'
import { BirdConfiguration } from '../../routing/bird/configure.ts'
import { readsFile } from '../../routing/bird/includes.ts'
import type { BaseDaemon, BaseOptions } from '../base-daemon.ts'
import { installFiles } from '../files.ts'

/**
 * The functions of an attached node, which the engineer's own configuration may include. That configuration is never
 * written. It is reloaded only if it includes the functions, and they have changed.
 */
export function createAttachedBird(options: BaseOptions): BaseDaemon {
  const { daemonSocket, configFile, filtersPath, announceFile, content, installed, owner, trialS } = options
  const bird = new BirdConfiguration(daemonSocket)
  const write = (text: string | null) =>
    installFiles([{ path: filtersPath, content: text, mode: text === null ? 0 : 0o644, ...owner }])
  const remarks: string[] = []
  let reloads = false
  return {
    async check(journaled) {
      const isIncluded = await readsFile(configFile, filtersPath)
      reloads = isIncluded !== false && content !== installed
      if (isIncluded === false) remarks.push(describeFilters(configFile, filtersPath))
      if (announceFile !== null && (await readsFile(configFile, announceFile)) === false) {
        remarks.push(
          `nothing is announced until ${configFile} has the line include "${globOf(announceFile)}"; and BIRD has read it`,
        )
      }
      if (!reloads) return []
      // Only with the file in its place can BIRD check its own configuration as a whole.
      return journaled(async () => {
        await write(content)
        try {
          const complaint = await bird.check(null)
          return complaint === null ? [] : [complaint.replaceAll(filtersPath, basename(filtersPath))]
        } finally {
          await write(installed)
        }
      })
    },
    saysTheSame: () => content === installed,
    remarks: () => remarks,
    snapshot: async () => null,
    async activate() {
      await write(content)
      if (reloads) await bird.tryFor(null, trialS)
    },
    isOvertaken: async () => false,
    async confirm() {
      // False: another client's `configure` has ended the trial. It has read the same files.
      if (reloads) await bird.confirm()
      return true
    },
    revert: () => bird.reload(),
    async close() {
      bird.close()
    },
  }
}

function describeFilters(configFile: string, filtersPath: string): string {
  return `${configFile} does not include ${filtersPath}: its functions are not in use, and nothing is degraded`
}
