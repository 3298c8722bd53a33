/**
 * What to do about a service that does not serve, by the reason of its decision. In the table of docs/probe.md too, in
 * the same words.
 */
export const cures: Readonly<Record<string, string>> = {
  refused: 'start WireGuard; compare `wg show INTERFACE listen-port`',
  unreachable: 'is the anycast address on the node? `ip route get ADDRESS`',
  unauthenticated: 'the preshared keys differ, or another server answers',
  'wrong-key': 'set the key of the fleet, or correct `publicKey`',
  'peer-missing':
    "add the probe's peer, with its address as allowed-ips, also to the interface's configuration file",
  'wrong-port': '`wg set INTERFACE listen-port PORT`, also in its configuration file',
  hung: 'the process is stopped or stuck: restart it',
  'no-reply': 'a firewall; for a ping: allowed-ips, or an interface that is down',
  late: 'the load of the node, or a longer `timeout`',
  malformed: 'another program uses the port',
  starved: 'the load of the node',
  'interface-missing': 'create it: `wg-quick up INTERFACE`, or systemd-networkd',
  'interface-down': '`ip link set INTERFACE up`',
  'address-missing':
    '`ip addr add ADDRESS/32 dev lo` (IPv6: `/128`), also in the configuration of the network',
  'out-of-reach': 'a firewall, the uplink, or the route to the node; `anyward probe` from another site',
  'egress-no-reply': 'the uplink, NAT, or a firewall that drops; is the target up?',
  'egress-unreachable': '`ip route get TARGET` on the node',
  'egress-refused': "the firewall; the target's own rules",
  'egress-dns-failed': "the resolver's own uplink",
  'command-failed': 'the output is in the detail',
  'command-timeout': 'the output is in the detail',
  'command-killed': '`dmesg`, because the kernel kills when memory is short',
  'command-missing': 'the path, its mode, its `#!` line',
  'peers-gone': 'are the peers configured? `wg show INTERFACE peers`',
  'source-wrong':
    '`ip rule`: one before 5190 decides; or the kernel refused the route, see the log. For IPv6 `ip -6 rule`',
  'source-not-in-vrf':
    '`ip addr add ADDRESS/128 dev VRF nodad`, beside the address on lo, also in the configuration of the network',
  'conntrack-full': '`nf_conntrack_max`; which hosts open so many connections?',
}
