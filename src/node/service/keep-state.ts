import { isDeepStrictEqual } from 'node:util'
import { systemClock } from '../../clock/clock.ts'
import type { StateProblem } from '../../files/state-file.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Say } from '../../telemetry/say.ts'
import type { StateStore } from '../controller/parts.ts'
import { serving } from '../decision/intent.ts'
import { operatorFile, servicesFile } from '../state/node-state.ts'

/** Opens the state that outlives a controller. Never rejects: a controller without its state still serves. */
export async function keepState(
  manifest: Manifest,
  say: Say,
): Promise<StateStore & { close(): Promise<void> }> {
  const { stateDir } = manifest.paths
  const onProblem = ({ kind, path, message, cause }: StateProblem) =>
    say(kind === 'saved-again' ? 'info' : 'error', { event: 'state', kind, path, cause }, message)
  const operator = operatorFile(stateDir, onProblem)
  const services = servicesFile(stateDir, onProblem)
  const intent = (await operator.load())?.operator ?? serving
  /** The content of the file as last seen, and the number of orders being written to it. */
  let written = intent
  let saving = 0
  return {
    intent,
    async saveIntent(ordered) {
      saving += 1
      try {
        await operator.save({ format: 1, operator: ordered })
        written = ordered
      } finally {
        saving -= 1
      }
    },
    async findForeignIntent() {
      const found = (await operator.load())?.operator ?? null
      // Compared by content, not by time: the clock may have been set back.
      if (found === null || saving > 0 || isDeepStrictEqual(found, written)) return null
      written = found
      return found
    },
    services: await services.load(),
    saveServices(saved) {
      // The state file reports the problem and retries.
      services.save({ format: 1, savedAt: systemClock.wall(), services: saved }).catch(() => {})
    },
    async close() {
      await Promise.all([operator.close(), services.close()])
    },
  }
}
