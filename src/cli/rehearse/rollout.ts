import { labNodes, labRolloutDir } from '../../lab/local-nodes.ts'
import { readState } from '../../lab/state.ts'
import { TopologyError } from '../../lab/topology/topology-error.ts'
import type { LabRolloutCommand } from '../commands/rehearse/lab-rollout.ts'
import { operate, start, status, watch } from '../design/rollout/rollout.ts'
import { CommandError } from '../failure.ts'
import { explainTopology, type GlobalOptions, isLabFailure, requireRoot, thisProgram } from './lab.ts'

interface LabRolloutOptions extends GlobalOptions {
  readonly soak?: number
  readonly dryRun?: true
  readonly asStarted?: true
}

/** The same as `anyward rollout`, with the nodes of the running lab, and its YAML unless another folder is given. */
export async function labRollout(
  name: LabRolloutCommand,
  options: LabRolloutOptions,
  isFolderGiven: boolean,
): Promise<void> {
  requireRoot()
  const state = await readState()
  if (state === null || !state.ready) {
    throw new CommandError('no lab is up', { hint: 'start one with `anyward lab up`' })
  }
  const local = labNodes({ state, program: thisProgram(), soakMs: options.soak ?? null })
  const sites = isFolderGiven ? options.sites : state.sites
  const all = { ...options, sites, out: labRolloutDir, local }
  try {
    if (name === 'start') await start(all)
    else if (name === 'status') await status(all)
    else if (name === 'watch') await watch(all)
    else await operate(name, all)
  } catch (error) {
    if (error instanceof TopologyError) throw explainTopology(error)
    if (isLabFailure(error)) throw new CommandError(error.message, { cause: error })
    throw error
  }
}
