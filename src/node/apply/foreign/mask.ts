/** A configuration for messages: the secrets of both daemons' notations are hidden. */
export function maskSecrets(text: string): string {
  return text.replace(
    /\b(password|key-string|md5|secret|key(?=[ \t]*"))([ \t]*(?=")|[ \t]+)("[^"\n]*"|[^\s;"]+)/g,
    '$1$2***',
  )
}
