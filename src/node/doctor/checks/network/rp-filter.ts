import { findRoute } from '../../../../linux/inspect/routes.ts'
import { readSysctl } from '../../../../linux/inspect/sysctl.ts'
import { RunError } from '../../../../linux/run.ts'
import { type Check, error, warning } from '../../check.ts'
import { findUplinks } from '../../uplinks.ts'

/** An address without a route of its own, as most clients have. */
const anywhere = '193.0.14.129'

/**
 * Strict reverse path filtering (RFC 3704) drops what arrives on another interface than the one that the reply would
 * take. With anycast and several uplinks that is usual.
 */
export const rpFilter: Check = {
  name: 'rp-filter',
  reads:
    '`rp_filter` of the interfaces to the neighbors: the larger value of `all` and of the interface counts',
  async examine({ manifest }) {
    if (manifest === null) return []
    const uplinks = await findUplinks(manifest, 'ipv4')
    const all = (await readSysctl('net/ipv4/conf/all/rp_filter')) ?? 0
    const strict: string[] = []
    for (const name of uplinks) {
      if (isStrict(all, (await readSysctl(`net/ipv4/conf/${name}/rp_filter`)) ?? 0)) strict.push(name)
    }
    if (strict.length === 0) return []
    const cure = `set ${strict.map((name) => `net.ipv4.conf.${name}.rp_filter`).join(', ')} to 2 (loose)${all === 1 ? ', or net.ipv4.conf.all.rp_filter' : ''}, in /etc/sysctl.d`
    const back = await findDefault()
    const dropped = strict.filter((name) => name !== back)
    if (dropped.length > 0) {
      const message = `strict rp_filter drops what clients send over ${dropped.join(', ')}: replies leave ${back === null ? 'by no default route' : `over ${back}`}`
      return [error(message, cure)]
    }
    const message = `rp_filter is strict on ${strict.join(', ')}: a client whose reply takes another interface is dropped`
    return [warning(message, cure)]
  },
}

/** The kernel uses the larger of both values; 1 is strict, 2 is loose (ip-sysctl). */
export function isStrict(all: number, own: number): boolean {
  return Math.max(all, own) === 1
}

async function findDefault(): Promise<string | null> {
  try {
    return (await findRoute(anywhere))?.dev ?? null
  } catch (cause) {
    if (cause instanceof RunError && cause.kind === 'failed') return null
    throw cause
  }
}
