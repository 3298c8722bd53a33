const tokenStart = '@anyward-secret:'
/** A path may contain `@`, but no blank or quote: the last `@` before one of those ends the token. */
export const tokenPattern: RegExp = new RegExp(`${tokenStart}(/[^\\s"]*)@`, 'g')

/** A placeholder in a bundle for the first line of a file on the node; replaced when the bundle is installed. */
export function secretToken(file: string): string {
  if (!/^\/[^\s"]*$/.test(file))
    throw new TypeError('the path of a secret is not absolute, or contains a blank or a quote')
  return `${tokenStart}${file}@`
}

/** The secret files that a rendered text refers to. */
export function findSecretFiles(text: string): string[] {
  return [...new Set([...text.matchAll(tokenPattern)].map((match) => match[1]!))]
}

/** Replaces the tokens by the secrets. */
export function replaceSecretTokens(text: string, secrets: ReadonlyMap<string, string>): string {
  return text.replaceAll(tokenPattern, (token, file: string) => secrets.get(file) ?? token)
}
