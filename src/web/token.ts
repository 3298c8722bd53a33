/** The token of the page: it is kept in this tab alone, and sent in a header, never in an address. */
const key = 'anyward-token'
let kept: string | null = read()

export function keptToken(): string | null {
  return kept
}

export function keepToken(token: string): void {
  kept = token
  write(token)
}

export function forgetToken(): void {
  kept = null
  write(null)
}

/** The controller asks for a token, or does not know the one that it got. */
export class TokenNeeded extends Error {}

export function authorization(): Record<string, string> {
  return kept === null ? {} : { authorization: `Bearer ${kept}` }
}

// A browser may keep nothing for this page.
function read(): string | null {
  try {
    return sessionStorage.getItem(key)
  } catch {
    return null
  }
}

function write(token: string | null): void {
  try {
    if (token === null) sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, token)
  } catch {}
}
