import { Resolver } from 'node:dns/promises'

export interface ResolvedAddress {
  readonly address: string
  readonly ttlS: number
}

const timeoutMs = 2000

/** The addresses of a name from the resolvers of this machine, of both families. Throws a system error. */
export async function resolveName(name: string): Promise<ResolvedAddress[]> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 })
  const absent = (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENODATA' || error.code === 'ENOTFOUND') return []
    throw error
  }
  const [ipv4, ipv6] = await Promise.all([
    resolver.resolve4(name, { ttl: true }).catch(absent),
    resolver.resolve6(name, { ttl: true }).catch(absent),
  ])
  return [...ipv4, ...ipv6].map(({ address, ttl }) => ({ address, ttlS: ttl }))
}
