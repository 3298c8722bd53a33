import { dirname } from 'node:path'
import { Vtysh } from '../../routing/frr/vtysh.ts'
import type { BaseDaemon, BaseOptions } from '../base-daemon.ts'
import { configured, converge, forgetAnnouncements, readBoth, undoLater } from '../frr-base.ts'
import { type Lines, readLines } from '../frr-lines.ts'
import { findGap } from '../frr-steps.ts'

/**
 * The route-maps of an attached node. They are added to the running configuration, and those of the bundle before are
 * removed. Every other line is the engineer's, and stays.
 */
export function createAttachedFrr({ daemonSocket, content, installed }: BaseOptions): BaseDaemon {
  const vtysh = new Vtysh(dirname(daemonSocket))
  let before: Lines = new Map()
  let after: Lines = new Map()
  return {
    async check() {
      const { old, fresh } = await readBoth(installed, content)
      before = old
      after = configured(fresh)
      return fresh.complaints.map((complaint) => `anyward.conf: ${complaint}`)
    },
    saysTheSame: () => content === installed,
    async isMissing() {
      const { missing } = findGap(readLines(await vtysh.readRunning()), after, () => false)
      return missing.length > 0
    },
    snapshot: async () => JSON.stringify({ wanted: [...before.values()], obsolete: [...after.keys()] }),
    activate: () => converge(vtysh, after, (key) => before.has(key)),
    isOvertaken: async () => false,
    confirm: async () => true,
    forget: (gone) => forgetAnnouncements(vtysh, gone),
    revert: (snapshot) => undoLater(vtysh, snapshot),
    close: async () => {},
  }
}
