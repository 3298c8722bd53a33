import { isIP } from 'node:net'

/**
 * Whether a Host header names this machine. A web page of another site can point its own name at 127.0.0.1 (DNS
 * rebinding) and read what is served here; its requests carry that name. No such page can use an address.
 */
export function isOwnHost(header: string | undefined, ownName: string): boolean {
  // HTTP/1.0 has no Host, and no browser leaves it out.
  if (header === undefined) return true
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header)
  const host = (name?.[1] ?? name?.[2] ?? '').toLowerCase().replace(/\.$/, '')
  return (
    isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost') || host === ownName.toLowerCase()
  )
}

/**
 * Whether a page of another site asks in the background. Such a page cannot read the answer, but would take connections and
 * streams. To follow a link from there is no such request, but a frame in that page is, although it is a navigation too.
 */
export function isFromOtherSite(headers: Readonly<Record<string, string | string[] | undefined>>): boolean {
  const site = headers['sec-fetch-site']
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return (site === 'cross-site' || site === 'same-site') && !isLink
}
