const tokenPattern = /@anyward-secret:([^@\s"]+)@/g

/** Stands in a bundle for the first line of a file on the node; filled in when the bundle is installed. */
export function secretToken(file: string): string {
  return `@anyward-secret:${file}@`
}

/** The files whose secrets a rendered text wants. */
export function findSecretFiles(text: string): string[] {
  return [...new Set([...text.matchAll(tokenPattern)].map((match) => match[1]!))]
}

/** Puts the secrets in place of their tokens. */
export function replaceSecretTokens(text: string, secrets: ReadonlyMap<string, string>): string {
  return text.replaceAll(tokenPattern, (token, file: string) => secrets.get(file) ?? token)
}
