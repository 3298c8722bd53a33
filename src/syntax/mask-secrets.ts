import { frrSecretWords } from './frr-secrets.ts'

/** What BIRD allows between two words: blanks, the ends of lines, comments. */
const gap = String.raw`(?:\s|#[^\n]{0,1000}\n|/\*[\s\S]{0,1000}?\*/)*`
const birdString = new RegExp(String.raw`\b(password|secret|key)(${gap})"[^"\n]*"`, 'g')
const birdWord = /\b(password|secret)([ \t]+)([^\s;"{/#*][^\s;"]*)/g
const birdConstant = new RegExp(String.raw`\b(define${gap}(\w+)${gap}=${gap})"[^"\n]*"`, 'g')
const secretName = /password|passwd|secret|(?:^|_)(?:pass|pw|pwd|psk|key|md5|auth)(?:_|\d|$)/i

/** A BIRD configuration for messages: its secrets are hidden, also in constants. */
export function maskBirdSecrets(text: string): string {
  const used = new Set([...text.matchAll(birdWord)].map(([, , , word]) => word))
  return text
    .replace(birdString, '$1$2***')
    .replace(birdWord, '$1$2***')
    .replace(birdConstant, (whole, before: string, name: string) =>
      used.has(name) || secretName.test(name) ? `${before}***` : whole,
    )
}

const frrSecret = new RegExp(`\\b(${frrSecretWords}|nhrp authentication)[ \\t]+[^\\s"][^\\n"]*`, 'g')

/** Lines of FRR for messages: what follows a word that announces a secret is hidden. */
export function maskFrrSecrets(text: string): string {
  return text.replace(frrSecret, '$1 ***')
}
