import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { RunError } from './run.ts'

interface SecretOptions {
  readonly timeoutMs: number
  /** What the program reads from /dev/fd/3, /dev/fd/4 and so on: not in its arguments, and in no file that has a name. */
  readonly secrets: readonly string[]
  /** On a file system in memory. */
  readonly folder: string
  /** How many words of the command an error may show. */
  readonly shown: number
}

/** Runs a program without a shell, with a file for each secret. Throws RunError, and a system error of the folder. */
export async function runWithSecrets(
  argv: readonly [string, ...string[]],
  { timeoutMs, secrets, folder, shown }: SecretOptions,
): Promise<void> {
  const files: FileHandle[] = []
  try {
    // Not pipes: those of Node are sockets, which cannot be opened by a path.
    for (const secret of secrets) files.push(await openSecret(folder, secret))
    await runWithFiles(argv, files, timeoutMs, argv.slice(0, shown))
  } finally {
    for (const file of files) await file.close()
  }
}

async function openSecret(folder: string, secret: string): Promise<FileHandle> {
  const path = join(folder, `.${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    await file.write(secret)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

function runWithFiles(
  [program, ...args]: readonly [string, ...string[]],
  files: readonly FileHandle[],
  timeoutMs: number,
  shown: readonly string[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'ignore', ...files.map(({ fd }) => fd)],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    child.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ENOENT') reject(new RunError(shown, 'not-installed', 'not installed'))
      else reject(new RunError(shown, 'failed', `cannot be started (${code})`))
    })
    child.once('close', (code, endedBy) => {
      if (code === 0) resolve()
      else if (endedBy === 'SIGKILL')
        reject(new RunError(shown, 'timeout', `no answer within ${timeoutMs} ms`))
      else
        reject(new RunError(shown, 'failed', endedBy === null ? `exit code ${code}` : `ended by ${endedBy}`))
    })
  })
}
