import { type ResolvedAddress, resolveName } from '../../../../linux/inspect/resolve-name.ts'
import { type Check, error, type Found, unseen, warning } from '../../check.ts'
import { canonical } from '../wireguard/address.ts'

/** A change of the addresses takes this long at least until all clients have it. */
const longestTtlS = 300

export const name: Check = {
  name: 'name',
  reads: 'with `--name`: its A and AAAA records against the anycast addresses, and their TTL',
  async examine({ clientName, services }) {
    if (clientName === null) return []
    try {
      return judgeName(
        clientName,
        await resolveName(clientName),
        services.flatMap(({ anycast }) => anycast),
      )
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const cure = 'check /etc/resolv.conf: the resolver of this machine gives no answer'
      return [unseen(`${clientName} cannot be resolved here: ${code ?? message}`, cure)]
    }
  },
}

export function judgeName(
  label: string,
  records: readonly ResolvedAddress[],
  anycast: readonly string[],
): Found[] {
  const found: Found[] = []
  const wanted = new Set(anycast.map(canonical))
  const has = new Set(records.map(({ address }) => canonical(address)))
  if (records.length === 0) {
    return [
      error(
        `${label} has no address`,
        `add records for ${[...wanted].join(', ') || 'the anycast addresses'}`,
      ),
    ]
  }
  if (wanted.size > 0) {
    for (const address of has) {
      if (wanted.has(address)) continue
      const message = `${label} has the address ${address}, which is no anycast address of this node`
      found.push(error(message, `remove that record, or dial ${[...wanted].join(', ')}`))
    }
    if (![...wanted].some((address) => has.has(address)) && found.length === 0) {
      found.push(error(`${label} has none of the anycast addresses`, `add ${[...wanted].join(', ')}`))
    }
    for (const address of wanted) {
      if (has.has(address) || ![...wanted].some((one) => has.has(one))) continue
      const message = `${label} has no record for ${address}: clients never dial it`
      found.push(warning(message, `add an ${address.includes(':') ? 'AAAA' : 'A'} record for ${address}`))
    }
  }
  const longest = Math.max(...records.map(({ ttlS }) => ttlS))
  if (longest > longestTtlS) {
    const message = `records of ${label} have a TTL of ${longest} s: a new address takes that long to reach clients`
    found.push(warning(message, `use at most ${longestTtlS} s`))
  }
  return found
}
