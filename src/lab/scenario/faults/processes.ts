import { daemonNames } from '../../../manifest/daemon-kinds.ts'
import { startController } from '../../bring-up.ts'
import { restartDaemon } from '../../machine/daemons.ts'
import { signalProcess, waitForEnd } from '../../machine/processes.ts'
import type { ProcessRecord } from '../../state.ts'
import type { Fault, Stage } from '../scenario.ts'

export const killTimeoutMs = 5000

export async function killDaemon({ node }: Stage): Promise<Fault> {
  const name = daemonNames[node.daemon].process
  const daemon = node.daemons.find((record) => record.name === name)!
  return {
    strike: async () => void (await signalProcess(daemon, 'SIGKILL')),
    async repair() {
      await endProcess(daemon)
      await restartDaemon(node, daemon)
    },
  }
}

export async function killController({ node, program }: Stage): Promise<Fault> {
  const { controller } = node
  return {
    async strike() {
      if (controller !== null) await signalProcess(controller, 'SIGKILL')
    },
    async repair() {
      if (controller !== null) await endProcess(controller)
      node.controller = await startController(node, program)
    },
  }
}

export async function endProcess(record: ProcessRecord): Promise<void> {
  await signalProcess(record, 'SIGKILL')
  await waitForEnd(record, killTimeoutMs)
}
