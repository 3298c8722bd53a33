import { isIP } from 'node:net'

/**
 * Whether a Host header names this machine, by `isOwnName` if not by its address. A web page of another site can point its own name at 127.0.0.1 (DNS
 * rebinding) and read what is served here; its requests carry that name. No such page can use an address.
 */
export function isOwnHost(header: string | undefined, isOwnName: (name: string) => boolean): boolean {
  // HTTP/1.0 has no Host, and no browser leaves it out.
  if (header === undefined) return true
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header)
  const host = (name?.[1] ?? name?.[2] ?? '').toLowerCase().replace(/\.$/, '')
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost') || isOwnName(host)
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * Whether a page of another site asks in the background. Such a page cannot read the answer, but would take connections and
 * streams. To follow a link from there is no such request, but a frame in that page is, although it is a navigation too.
 */
export function isFromOtherSite(headers: Headers): boolean {
  const site = headers['sec-fetch-site']
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return (site === 'cross-site' || site === 'same-site') && !isLink
}

/**
 * Whether a page of another site sends an order. Browsers name the site of the page in `Origin`, and older ones send nothing
 * else; there is no exception for links.
 */
export function isOrderFromOtherSite(headers: Headers): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return true
  const { origin, host } = headers
  return origin !== undefined && origin !== `http://${String(host)}` && origin !== `https://${String(host)}`
}
