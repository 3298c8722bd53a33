import { runAgent } from '../../node/service/run-agent.ts'
import { exitCode } from '../failure.ts'
import { thisProgram } from './this-program.ts'

export async function agent(bundle: string): Promise<void> {
  await runAgent(bundle, thisProgram())
  process.exit(exitCode.fine)
}
