import { systemClock } from '../../clock/clock.ts'
import { isSystemError } from '../../files/system-error.ts'
import { signBundles } from '../../plan/service/sign-bundles.ts'
import { CommandError } from '../failure.ts'
import { withProgress } from '../terminal/progress.ts'

export interface SignOptions {
  readonly key: string
  readonly out: string
  readonly again?: true
  readonly json?: true
}

export async function sign({ key: keyFile, out, again, json }: SignOptions): Promise<void> {
  const request = { out, keyFile, nowMs: systemClock.wall() }
  const { nodes, notes } = await withProgress({ lines: 'slow' }, (progress) =>
    signBundles(request, { again: again === true, onStep: (step) => progress.step(step) }),
  ).catch((cause: unknown) => {
    if (!isSystemError(cause)) throw cause
    throw new CommandError(`${cause.path ?? out} cannot be written (${cause.code})`, {
      hint: 'run this as the user who runs `anyward plan`',
      cause,
    })
  })
  for (const note of notes) process.stderr.write(`note: ${note}\n`)
  if (json) {
    process.stdout.write(`${JSON.stringify({ nodes, notes }, null, 2)}\n`)
    return
  }
  for (const { node, serial, change } of nodes) {
    process.stdout.write(`${node}: serial ${serial}${change === 'same' ? ', as before' : ''}\n`)
  }
}
