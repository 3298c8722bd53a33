import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunError, run } from './run.ts'

/** The program could not do it; the message is its own last line. */
export class SshKeygenError extends Error {
  override readonly name = 'SshKeygenError'
}

/** An agent may ask a person for confirmation, or a token for each signature. */
const timeoutMs = 120_000
/** Of one call, which opens the key once. */
const mostTexts = 500

/** Type and SHA-256 fingerprint of a public or private key. Throws SshKeygenError. */
export async function readFingerprint(keyFile: string): Promise<{ type: string; fingerprint: string }> {
  const text = await callSshKeygen(['-l', '-E', 'sha256', '-f', keyFile])
  const [, fingerprint, type] = /^\d+ (SHA256:\S+) .*\((\S+)\)\n$/.exec(text) ?? []
  if (fingerprint === undefined || type === undefined) throw new SshKeygenError('it is not one key')
  return { type, fingerprint }
}

/**
 * Signs texts, with a private key without a passphrase, or with the key of the agent that belongs to a public key.
 * Returns the signatures in the order of the texts. Throws SshKeygenError.
 */
export async function signTexts(
  keyFile: string,
  namespace: string,
  texts: readonly string[],
): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-sign-'))
  try {
    const files = texts.map((_, index) => join(dir, String(index)))
    for (const [index, file] of files.entries()) await writeFile(file, texts[index]!)
    for (let start = 0; start < files.length; start += mostTexts) {
      const some = files.slice(start, start + mostTexts)
      await callSshKeygen(['-Y', 'sign', '-f', keyFile, '-n', namespace, ...some])
    }
    return await Promise.all(files.map((file) => readFile(`${file}.sig`, 'utf8')))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Without a terminal of its own, it would wait for a passphrase. */
async function callSshKeygen(args: readonly string[]): Promise<string> {
  const quiet = ['setsid', '--wait', 'env', 'SSH_ASKPASS_REQUIRE=never'] as const
  try {
    return await run([...quiet, 'ssh-keygen', ...args], { timeoutMs })
  } catch (cause) {
    if (!(cause instanceof RunError)) throw cause
    throw new SshKeygenError(
      cause.words
        .split('\n')
        .at(-1)!
        .replace(/^Enter passphrase: /, ''),
      { cause },
    )
  }
}
