import { listNftTables, saveIptables } from '../../../../linux/inspect/firewall.ts'
import type { ManifestNeighbor } from '../../../../manifest/manifest.ts'
import { familyOf } from '../../../../net/prefix.ts'
import { tableName } from '../../../rescue/stray/ruleset.ts'
import { type Check, error, type Found } from '../../check.ts'
import { findUplinks } from '../../uplinks.ts'
import type { Flow } from './chains.ts'
import { judgeIptables } from './iptables.ts'
import { NftRules } from './nftables.ts'

/** Whether the firewall lets through what the node must receive. */
export const firewall: Check = {
  name: 'firewall',
  reads:
    'the chains of nftables, iptables and iptables-legacy on the way in: the UDP port of each service, and BFD where sessions have it',
  async examine({ manifest, services }) {
    const wanted = [
      ...services.flatMap(({ name, anycast, wireguard }) =>
        familiesOf(anycast).map((family) => ({ family, port: wireguard.port, owner: name })),
      ),
      ...(manifest?.neighbors ?? []).flatMap(findBfd),
    ]
    if (wanted.length === 0) return []
    const uplinks = manifest === null ? [] : await findUplinks(manifest)
    const nft = new NftRules(await listNftTables([tableName]))
    const tables = new Map<Flow['family'], Tables>()
    for (const family of new Set(wanted.map((one) => one.family))) {
      tables.set(family, {
        // iptables-nft keeps its rules in nftables.
        saved: nft.hasIptables(family) ? await saveIptables('nft', family) : null,
        legacy: await saveIptables('legacy', family),
      })
    }
    const found: Found[] = []
    for (const { family, port, owner } of wanted) {
      const { saved, legacy } = tables.get(family)!
      const judges: ((flow: Flow) => Blocked | null)[] = [
        (flow) => judgeNft(nft, flow, saved !== null),
        (flow) => judgeSaved(saved, flow, ''),
        (flow) => judgeSaved(legacy, flow, '-legacy'),
      ]
      for (const judge of judges) {
        const results = (uplinks.length === 0 ? [null] : uplinks).map((name) => ({
          name,
          blocked: judge({ interface: name, family, protocol: 'udp', port }),
        }))
        const dropped = results.filter(({ blocked }) => blocked !== null)
        const [first] = dropped
        if (first === undefined) continue
        const { program, reason, cure } = first.blocked!
        const where =
          dropped.length === results.length ? '' : ` on ${dropped.map(({ name }) => name).join(', ')}`
        const version = family === 'ipv4' ? 'IPv4' : 'IPv6'
        found.push(error(`${program} drops UDP ${port} of ${owner} over ${version}${where}: ${reason}`, cure))
      }
    }
    return found
  },
}

/** The filter tables of iptables-nft and of iptables-legacy; `null`: there is none. */
interface Tables {
  readonly saved: string | null
  readonly legacy: string | null
}

interface Blocked {
  readonly program: string
  readonly reason: string
  readonly cure: string
}

function judgeNft(nft: NftRules, flow: Flow, withoutIptables: boolean): Blocked | null {
  const blocked = nft.judge(flow, { withoutIptables })
  if (blocked === null) return null
  const { family, table, chain, reason } = blocked
  const cure =
    table === 'firewalld'
      ? `firewall-cmd --permanent --add-port=${flow.port}/udp, then firewall-cmd --reload`
      : `nft insert rule ${family} ${table} ${chain} udp dport ${flow.port} accept, and in /etc/nftables.conf`
  return { program: 'nftables', reason, cure }
}

function judgeSaved(saved: string | null, flow: Flow, variant: '' | '-legacy'): Blocked | null {
  const reason = saved === null ? null : judgeIptables(saved, flow)
  if (reason === null) return null
  const program = `${flow.family === 'ipv4' ? 'iptables' : 'ip6tables'}${variant}`
  const cure = saved!.includes(':ufw-user-input ')
    ? `ufw allow ${flow.port}/udp`
    : `${program} -I INPUT -p udp --dport ${flow.port} -j ACCEPT, and save it`
  return { program, reason, cure }
}

/** BFD's port on one hop (RFC 5881, section 4) or several (RFC 5883, section 5). */
function findBfd({ name, address, session }: ManifestNeighbor) {
  if ((session?.bfd ?? null) === null) return []
  const port = (session?.multihop ?? null) === null ? 3784 : 4784
  // An unnumbered session has link-local addresses.
  const [family] = familiesOf([address ?? 'fe80::1'])
  return [{ family: family!, port, owner: `BFD with ${name}` }]
}

function familiesOf(addresses: readonly string[]): Flow['family'][] {
  return [...new Set(addresses.map(familyOf))]
}
