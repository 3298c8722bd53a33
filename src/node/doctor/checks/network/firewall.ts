import { listNftRules, saveLegacyRules } from '../../../../linux/inspect/firewall.ts'
import { type Check, error, type Found } from '../../check.ts'
import { type Flow, judgeLegacy } from './legacy-rules.ts'
import { judgeNft } from './nft-rules.ts'

/** Whether the input chains of nftables and of the older iptables let through what the node must receive. */
export const firewall: Check = {
  name: 'firewall',
  reads:
    'the input chains of nftables and of iptables-legacy: the UDP port of each service, and BFD where sessions have it',
  async examine({ manifest, services }) {
    const wanted: { flow: Flow; what: string }[] = services.flatMap(({ name, anycast, wireguard }) =>
      familiesOf(anycast).map((family) => ({
        flow: { family, protocol: 'udp', port: wireguard.port },
        what: `UDP ${wireguard.port} of ${name}`,
      })),
    )
    for (const { address, session, name } of manifest?.neighbors ?? []) {
      if ((session?.bfd ?? null) === null || typeof address !== 'string') continue
      const port = (session?.multihop ?? null) === null ? 3784 : 4784
      const [family] = familiesOf([address])
      wanted.push({ flow: { family: family!, protocol: 'udp', port }, what: `BFD (UDP ${port}) of ${name}` })
    }
    if (wanted.length === 0) return []
    const rules = await listNftRules()
    const legacy = { ipv4: await saveLegacyRules('ipv4'), ipv6: await saveLegacyRules('ipv6') }
    const found: Found[] = []
    for (const { flow, what } of wanted) {
      const version = flow.family === 'ipv4' ? 'IPv4' : 'IPv6'
      const chain = judgeNft(rules, flow)
      if (chain !== null) {
        const family = chain.family === 'inet' ? 'inet' : chain.family
        const cure = `nft insert rule ${family} ${chain.table} ${chain.chain} udp dport ${flow.port} accept, and in /etc/nftables.conf`
        found.push(error(`nftables drops ${what} over ${version}: ${chain.reason}`, cure))
      }
      const text = legacy[flow.family]
      const reason = text === null ? null : judgeLegacy(text, flow)
      if (reason !== null) {
        const program = flow.family === 'ipv4' ? 'iptables-legacy' : 'ip6tables-legacy'
        const cure = `${program} -I INPUT -p udp --dport ${flow.port} -j ACCEPT, and save it`
        found.push(error(`${program} drops ${what}: ${reason}`, cure))
      }
    }
    return found
  },
}

function familiesOf(addresses: readonly string[]): ('ipv4' | 'ipv6')[] {
  return [...new Set(addresses.map((address) => (address.includes(':') ? 'ipv6' : 'ipv4')))]
}
