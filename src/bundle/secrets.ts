import { readFile } from 'node:fs/promises'
import { findSecretFiles, replaceSecretTokens } from '../manifest/secret-token.ts'
import { ConfigError } from '../text/issue.ts'
import { issueAt } from './read.ts'

/**
 * Replaces the secret tokens of a rendered configuration by the contents of the files that it names.
 * The result must stay on the node, readable by its daemon only. Throws ConfigError.
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
      `cannot be read (${cause.code})`,
      'write the password into it, readable by root only',
    )
  })
  const secret = content.replace(/\r?\n$/, '')
  // RFC 2385 sets no length; Linux accepts 80 bytes. Other characters could end the configuration line.
  if (!/^[\x21\x23-\x7e]{1,80}$/.test(secret)) {
    throw secretError(
      file,
      'is not one line of 1 to 80 printable ASCII characters without spaces and double quotes',
      'write a password of such characters into it',
    )
  }
  return secret
}

function secretError(file: string, message: string, hint: string): ConfigError {
  return new ConfigError([issueAt(file, '', message, hint)])
}
