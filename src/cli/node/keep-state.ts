import { isDeepStrictEqual } from 'node:util'
import type { StateProblem } from '../../files/state-file.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Keeping } from '../../node/controller/parts.ts'
import { serving } from '../../node/decision/intent.ts'
import { operatorFile, servicesFile } from '../../node/state/node-state.ts'
import type { Say } from '../../telemetry/say.ts'

/** What outlives a controller, from the node's state folder. Never rejects: a controller without memory still serves. */
export async function keepState(manifest: Manifest, say: Say): Promise<Keeping & { close(): Promise<void> }> {
  const { stateDir } = manifest.paths
  const onProblem = ({ kind, path, message, cause }: StateProblem) =>
    say(kind === 'saved-again' ? 'info' : 'error', { event: 'state', kind, path, cause }, message)
  const operator = operatorFile(stateDir, onProblem)
  const services = servicesFile(stateDir, onProblem)
  const intent = (await operator.load())?.operator ?? serving
  /** What the file says as far as we know, and how many orders are on their way into it. */
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
      // By what it says, not by when: the clock may have been put back since.
      if (found === null || saving > 0 || isDeepStrictEqual(found, written)) return null
      written = found
      return found
    },
    services: await services.load(),
    saveServices(saved) {
      // It has said so itself, and goes on trying.
      services.save({ format: 1, savedAt: Date.now(), services: saved }).catch(() => {})
    },
    async close() {
      await Promise.all([operator.close(), services.close()])
    },
  }
}
