import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BirdConfiguration, isLater, type Moment } from '../routing/bird/configure.ts'
import type { BaseDaemon, BaseOptions } from './base-daemon.ts'
import { installFiles } from './files.ts'

/**
 * BIRD tries the new configuration from a candidate file. Its own file stays the old one until the change is verified,
 * so that after a killed apply a later `configure` or a boot runs the old configuration. The revert is a plain
 * `configure`, which reads the controller's announcements as they are then. `configure undo` would restore the old
 * announcements too, including those of dead services.
 */
export function createBirdBase(options: BaseOptions): BaseDaemon {
  const { daemonSocket, configFile, content, owner, trialS } = options
  const bird = new BirdConfiguration(daemonSocket)
  const candidate = candidateOf(configFile)
  let tries = 0
  let triedAt: Moment | null = null
  return {
    async check() {
      await installFiles([{ path: candidate, content, mode: 0o640, ...owner }])
      const complaint = await bird.check(candidate)
      return complaint === null ? [] : [complaint.replaceAll(candidate, basename(configFile))]
    },
    // BIRD cannot show a parsed file.
    saysTheSame: () => false,
    snapshot: async () => null,
    async activate() {
      // The second time, the new configuration is installed in BIRD's own file.
      tries += 1
      await bird.tryFor(tries === 1 ? candidate : null, trialS)
      triedAt = await bird.lastReconfiguration()
    },
    isOvertaken: async () =>
      tries === 1 && triedAt !== null && isLater(await bird.lastReconfiguration(), triedAt),
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
