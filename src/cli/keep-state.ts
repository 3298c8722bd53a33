import { serving } from '../controller/intent.ts'
import type { Keeping } from '../controller/parts.ts'
import type { Manifest } from '../planner/manifest.ts'
import { operatorFile, servicesFile } from '../state/node-state.ts'
import type { StateProblem } from '../state/state-file.ts'
import type { Say } from '../telemetry/say.ts'

/** What outlives a controller, from the node's state folder. Never rejects: a controller without memory still serves. */
export async function keepState(manifest: Manifest, say: Say): Promise<Keeping & { close(): Promise<void> }> {
  const { stateDir } = manifest.paths
  const onProblem = ({ kind, path, message, cause }: StateProblem) =>
    say(kind === 'saved-again' ? 'info' : 'error', { event: 'state', kind, path, cause }, message)
  const operator = operatorFile(stateDir, onProblem)
  const services = servicesFile(stateDir, onProblem)
  return {
    intent: (await operator.load())?.operator ?? serving,
    saveIntent: (intent) => operator.save({ format: 1, operator: intent }),
    reloadIntent: async () => (await operator.load())?.operator ?? null,
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
