import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BirdConfiguration } from '../routing/bird/configure.ts'
import type { BaseDaemon } from './base-daemon.ts'
import { installFiles, type Owner } from './files.ts'

interface BirdBaseOptions {
  readonly daemonSocket: string
  readonly configFile: string
  /** The new configuration with its secrets. */
  readonly content: string
  readonly owner: Owner
  /** After so many seconds BIRD goes back by itself. */
  readonly trialS: number
}

/**
 * BIRD tries the new configuration from a file beside its own. Until all is well its own file is the old one: an
 * apply that is killed leaves nothing that a later `configure` or a boot would run, and the way back is a plain
 * `configure`, which takes what the controller announces from its file as it is then. `configure undo` would
 * bring the announcements of the old configuration back with it, dead ones too.
 */
export function createBirdBase(options: BirdBaseOptions): BaseDaemon {
  const { daemonSocket, configFile, content, owner, trialS } = options
  const bird = new BirdConfiguration(daemonSocket)
  const candidate = candidateOf(configFile)
  let tries = 0
  let triedAt = ''
  return {
    async check() {
      await installFiles([{ path: candidate, content, mode: 0o640, ...owner }])
      const complaint = await bird.check(candidate)
      return complaint === null ? [] : [complaint.replaceAll(candidate, basename(configFile))]
    },
    // BIRD does not say what a file means to it.
    saysTheSame: () => false,
    snapshot: async () => null,
    async activate() {
      // The second time the file itself is the new one.
      tries += 1
      await bird.tryFor(tries === 1 ? candidate : null, trialS)
      triedAt = await bird.lastReconfiguration()
    },
    isOvertaken: async () => tries === 1 && triedAt !== (await bird.lastReconfiguration()),
    confirm: () => bird.confirm(),
    revert: () => bird.reload(),
    async close() {
      bird.close()
      await rm(candidate, { force: true })
    },
  }
}

function candidateOf(configFile: string): string {
  return join(dirname(configFile), `.${basename(configFile)}.candidate`)
}
