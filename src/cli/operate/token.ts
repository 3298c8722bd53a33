import { open } from 'node:fs/promises'
import { createToken, isTokenName, lineOf } from '../../control/access/tokens.ts'
import { CommandError } from '../failure.ts'

/** Prints a new token alone on stdout, and what to do with it on stderr. */
export async function makeToken(name: string, file: string | null): Promise<void> {
  if (!isTokenName(name)) {
    throw new CommandError(`${JSON.stringify(name)} is not a name for a token`, {
      hint: 'write letters, digits, dots, hyphens, @ and _, at most 64',
    })
  }
  const token = createToken()
  const line = lineOf(name, token)
  if (file !== null) await append(file, line)
  process.stdout.write(`${token}\n`)
  process.stderr.write(
    file === null
      ? `This token is shown only once. The line for the file of controller.tokensFile, on each node that ${name} may order:\n${line}\n`
      : `This token is shown only once. ${file} has its hash, and the controller reads it within some seconds.\n`,
  )
}

async function append(file: string, line: string): Promise<void> {
  try {
    const handle = await open(file, 'a+', 0o600)
    try {
      const { size } = await handle.stat()
      const last = Buffer.alloc(1)
      if (size > 0) await handle.read(last, 0, 1, size - 1)
      const isBroken = size > 0 && last.toString() !== '\n'
      await handle.write(`${isBroken ? '\n' : ''}${line}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new CommandError(`${file} cannot be written (${(cause as NodeJS.ErrnoException).code})`, {
      hint: 'run this as the user who owns it, or make its folder first',
      cause,
    })
  }
}
