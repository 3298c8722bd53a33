import { runController } from '../../node/service/run-controller.ts'
import { exitCode } from '../failure.ts'
import { thisProgram } from './this-program.ts'

export async function controller(bundle: string): Promise<void> {
  const ending = await runController(bundle, thisProgram())
  process.exit(ending === 'unsettled' ? exitCode.findings : exitCode.fine)
}
