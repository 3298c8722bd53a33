import { readFile } from 'node:fs/promises'
import { findSecretFiles, replaceSecretTokens } from '../manifest/secret-token.ts'
import { ConfigError } from '../text/issue.ts'

/**
 * Fills the secrets of a rendered configuration in, from the files on this machine that it names.
 * The result belongs on the node only, readable by its daemon. Throws ConfigError.
 */
export async function fillSecrets(text: string): Promise<string> {
  const secrets = new Map<string, string>()
  for (const file of findSecretFiles(text)) secrets.set(file, await readSecret(file))
  return replaceSecretTokens(text, secrets)
}

async function readSecret(file: string): Promise<string> {
  const content = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw secretError(
      file,
      `can not be read (${cause.code})`,
      'write the password into it, readable by root only',
    )
  })
  const secret = content.replace(/\r?\n$/, '')
  // RFC 2385 leaves the length open; Linux takes 80 bytes. The rest would break out of a configuration line.
  if (!/^[\x21\x23-\x7e]{1,80}$/.test(secret)) {
    throw secretError(
      file,
      'is not one line of 1 to 80 printable ASCII characters without spaces and double quotes',
      'write such a password into it',
    )
  }
  return secret
}

function secretError(file: string, message: string, hint: string): ConfigError {
  return new ConfigError([{ severity: 'error', file, line: 1, column: 1, path: '', message, hint }])
}
