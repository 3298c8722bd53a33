/** Rules as administrators have them, for the program that loads them. */
export interface Ruleset {
  readonly name: string
  /** For `nft -f -`. */
  readonly nft?: string
  /** For `iptables-nft-restore` and `ip6tables-nft-restore`. */
  readonly iptables?: string
  /** What the cure says, where they drop the port. */
  readonly cure?: string
}

/** The chains of ufw with its defaults, as far as a UDP packet meets them. */
const ufw = (user: string) => `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-not-local - [0:0]
:ufw-user-input - [0:0]
:ufw-after-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
${user}-A ufw-after-input -p udp -m udp --dport 137 -j RETURN
COMMIT
`

/** The chains of firewalld with one zone. */
const firewalld = (allow: string) => `table inet firewalld {
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT_ZONES {
    iifname "eth9" goto filter_IN_trusted
    goto filter_IN_public
  }
  chain filter_IN_trusted { accept; }
  chain filter_IN_public {
    jump filter_IN_public_allow
    meta l4proto { icmp, ipv6-icmp } accept
  }
  chain filter_IN_public_allow {
    tcp dport 22 accept
    ${allow}
  }
}
`

/** The example for a workstation of nftables' wiki, with its verdict maps. */
const verdictMaps = (allow: string) => `table inet filter {
  chain inbound_ipv4 { icmp type echo-request limit rate 5/second accept; }
  chain inbound_ipv6 { icmpv6 type { nd-neighbor-solicit, nd-router-advert, nd-neighbor-advert } accept; }
  chain inbound {
    type filter hook input priority 0; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname lo accept
    meta protocol vmap { ip : jump inbound_ipv4, ip6 : jump inbound_ipv6 }
    tcp dport { 22, 80, 443 } accept
    ${allow}
  }
}
`

const icmpv6 = 'meta l4proto ipv6-icmp accept'

export const rulesets = (port: number): Ruleset[] => [
  { name: 'none' },
  { name: 'ufw without the port', iptables: ufw(''), cure: `ufw allow ${port}/udp` },
  { name: 'ufw with the port', iptables: ufw(`-A ufw-user-input -p udp -m udp --dport ${port} -j ACCEPT\n`) },
  {
    name: 'ufw with several ports',
    iptables: ufw(`-A ufw-user-input -p udp -m multiport --dports 53,${port - 1}:${port + 1} -j ACCEPT\n`),
  },
  {
    name: 'ufw that rejects the port',
    iptables: ufw(`-A ufw-user-input -p udp -m udp --dport ${port} -j REJECT\n`),
  },
  {
    name: 'iptables: a chain by goto',
    iptables: `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:closed - [0:0]\n-A INPUT -m comment --comment "no -j ACCEPT here" -g closed\n-A closed -p udp ! --dport 53 -j DROP\nCOMMIT\n`,
    cure: `-I INPUT -p udp --dport ${port} -j ACCEPT`,
  },
  {
    name: 'firewalld without the port',
    nft: firewalld(''),
    cure: `firewall-cmd --permanent --add-port=${port}/udp`,
  },
  { name: 'firewalld with the port', nft: firewalld(`udp dport ${port} accept`) },
  {
    name: 'verdict maps without the port',
    nft: verdictMaps(''),
    cure: 'nft insert rule inet filter inbound',
  },
  { name: 'verdict maps with the port', nft: verdictMaps(`udp dport ${port} accept`) },
  { name: 'a verdict map by port', nft: verdictMaps(`udp dport vmap { 53 : drop, ${port} : accept }`) },
  {
    name: 'a named set of ports',
    nft: `table inet f {
  set open { type inet_service; flags interval; elements = { 22, ${port - 10}-${port + 10} }; }
  chain input { type filter hook input priority 0; policy drop; ${icmpv6}; udp dport @open accept; }
}
`,
  },
  {
    name: 'a named set without it, and of the same name in another table',
    nft: `table inet other { set open { type inet_service; elements = { ${port} }; }
}
table inet f {
  set open { type inet_service; elements = { 22 }; }
  chain input { type filter hook input priority 0; policy drop; ${icmpv6}; udp dport @open accept; }
}
`,
  },
  {
    name: 'all but the port',
    nft: `table inet f { chain input { type filter hook input priority 0; ${icmpv6}; tcp dport != 22 drop; udp dport != 53 drop; }
}
`,
  },
  {
    name: 'a drop before the input hook',
    nft: `table inet f { chain early { type filter hook prerouting priority raw; udp dport ${port} drop; }
}
`,
  },
]
