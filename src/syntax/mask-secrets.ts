import { frrSecretWords } from './frr-secrets.ts'

/** A BIRD configuration for messages: its secrets are hidden. */
export function maskBirdSecrets(text: string): string {
  return text.replace(
    /\b(password|secret|key(?=[ \t]*"))([ \t]*(?=")|[ \t]+)("[^"\n]*"|[^\s;"]+)/g,
    '$1$2***',
  )
}

const frrSecret = new RegExp(`\\b(${frrSecretWords})[ \\t]+[^\\s"][^\\n"]*`, 'g')

/** Lines of FRR for messages: what follows a word that announces a secret is hidden. */
export function maskFrrSecrets(text: string): string {
  return text.replace(frrSecret, '$1 ***')
}
