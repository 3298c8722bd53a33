/** Sites, nodes and services have names without a slash. What a site may write follows from it: see scripts/etcd/users. */
export const entryPrefix = 'state/'
export const beatPrefix = 'beat/'
export const statusPrefix = 'status/'
export const permitPrefix = 'permit/'

export interface NodeName {
  readonly site: string
  readonly node: string
}

/** What a node says of one service. It changes rarely, and transactions compare it. */
export function entryKey({ site, node }: NodeName, service: string): string {
  return `${entryPrefix}${site}/${node}/${service}`
}

/** What changes each second, for all services of a node. */
export function beatKey({ site, node }: NodeName): string {
  return `${beatPrefix}${site}/${node}`
}

/** What a node says of itself to people. */
export function statusKey({ site, node }: NodeName): string {
  return `${statusPrefix}${site}/${node}`
}

/** The one register of a service, which every site writes. */
export function registerKey(service: string): string {
  return `${permitPrefix}${service}`
}

export function serviceOfRegister(key: string): string {
  return key.slice(permitPrefix.length)
}

/** The node of an entry, a beat or a status: by its key alone, because only the key shows which site may have written it. */
export function nodeOfKey(key: string): NodeName | null {
  const [, site, node] = key.split('/')
  return site !== undefined && node !== undefined ? { site, node } : null
}

export function serviceOfEntry(key: string): string | null {
  return key.split('/')[3] ?? null
}

/** Unique in the fleet, also if a site uses the name of another's node. */
export function idOf({ site, node }: NodeName): string {
  return `${site}/${node}`
}
