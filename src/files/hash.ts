import { hash } from 'node:crypto'

/** SHA-256, in hexadecimal. */
export function hashOf(content: string): string {
  return hash('sha256', content)
}
