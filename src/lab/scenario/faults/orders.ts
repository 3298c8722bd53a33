import { runIn } from '../../machine/namespaces.ts'
import type { Fault, Stage } from '../scenario.ts'

const reason = ['--reason', 'a scenario of the lab']

export async function drainNode(stage: Stage): Promise<Fault> {
  return {
    strike: () => order(stage, ['drain', ...reason, '--no-wait']),
    repair: () => order(stage, ['undrain', '--no-wait']),
  }
}

/** At once, and its WireGuard runs. */
export async function withdrawNode(stage: Stage): Promise<Fault> {
  return {
    strike: () => order(stage, ['withdraw', ...reason]),
    repair: () => order(stage, ['undrain', '--no-wait']),
  }
}

async function order({ node, program }: Stage, words: readonly string[]): Promise<void> {
  try {
    await runIn(node.namespace, [...program, ...words, '--bundle', node.bundle])
  } catch (error) {
    // It reports that the neighbors do not have it yet, which is measured next.
    if ((error as { exitCode?: number }).exitCode !== 1) throw error
  }
}
