import type { Clock } from '../../../clock/clock.ts'
import type { Metrics } from '../../../telemetry/metrics.ts'
import type { Say } from '../../../telemetry/say.ts'
import type { SavedLook, SavedNetwork, SavedNetworks } from '../../routing/daemon.ts'

interface SavedWatchParts {
  readonly saved: SavedNetworks
  readonly pollMs?: number
  readonly clock: Pick<Clock, 'sleep'>
  readonly say: Say
  readonly metrics: Pick<Metrics, 'savedAnnouncements'>
}

export interface SavedWatch {
  /** The last result, for the status. */
  readonly found: readonly SavedNetwork[]
  stop(): void
}

const remedy = 'run `anyward apply --clean` as root'

/**
 * Watches FRR's files for saved announcements, which only the controller may set: after `write memory`, FRR announces
 * them at its next start, also without a controller. Logs each change once, and changes nothing.
 */
export function watchSaved({ saved, pollMs = 5000, clock, say, metrics }: SavedWatchParts): SavedWatch {
  let found: readonly SavedNetwork[] = []
  let reported = ''
  let reportedProblem = ''
  let wake = () => {}
  let stopped = false

  const report = (look: SavedLook) => {
    const { problem } = look
    const words = JSON.stringify(problem)
    if (problem !== null && words !== reportedProblem) {
      const facts = { event: 'saved-announcements', cause: problem.cause, file: problem.file }
      const hint = problem.cause === 'EACCES' ? ': add the user of the controller to the group frr' : ''
      say(
        'warn',
        facts,
        `${problem.file} cannot be searched for saved announcements (${problem.cause})${hint}`,
      )
    }
    reportedProblem = words
    const now = JSON.stringify(look.found)
    if (now === reported) return
    const isFirst = reported === ''
    reported = now
    const facts = { event: 'saved-announcements', saved: look.found }
    if (look.found.length > 0) say('error', facts, describeSaved(look.found))
    else if (!isFirst) say('info', facts, "FRR's files have no saved announcements any more")
  }
  const run = async () => {
    while (!stopped) {
      const look = await saved.look()
      if (stopped) return
      found = look.found
      // Those of a file that cannot be read are not known.
      metrics.savedAnnouncements.set(look.problem !== null && found.length === 0 ? Number.NaN : found.length)
      report(look)
      await clock.sleep(pollMs, (waker) => {
        wake = waker
      })
    }
  }
  void run()
  return {
    get found() {
      return found
    },
    stop() {
      stopped = true
      wake()
    },
  }
}

export function describeSaved(found: readonly SavedNetwork[]): string {
  const files = [...new Set(found.map(({ file }) => file))].map((file) => {
    const lines = found.filter((one) => one.file === file)
    const numbers = lines.map(({ line }) => line).join(', ')
    return `${file} has saved announcements (line${lines.length === 1 ? '' : 's'} ${numbers})`
  })
  return `${files.join(' and ')}: FRR announces them at its next start, also without a controller; ${remedy}`
}
