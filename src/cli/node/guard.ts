import { runGuard } from '../../node/service/run-guard.ts'
import { exitCode } from '../failure.ts'
import { programVersion } from '../program-version.ts'

export async function guard(bundle: string, stay: boolean): Promise<void> {
  await runGuard(bundle, programVersion, stay)
  process.exit(exitCode.fine)
}
