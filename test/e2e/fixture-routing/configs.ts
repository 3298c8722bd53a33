import { type Manifest, requireManifest } from '../../../src/manifest/manifest.ts'

/** The covering prefix, advertised outside the AS, and the host route that clients use. */
export const covering4 = '192.0.2.0/24'
export const host4 = '192.0.2.1/32'
export const covering6 = '2001:db8:51::/48'
export const host6 = '2001:db8:51::1/128'
/** Those of a second service, so that a withdrawal can be partial. */
export const otherCovering4 = '198.51.100.0/24'

export const everything = new Set([covering4, host4, otherCovering4, covering6, host6])

export const neighbors = [
  { name: 'transit1', kind: 'transit', asn: 64601, family: 'ipv4', node: '10.9.1.2', neighbor: '10.9.1.1' },
  { name: 'tor1', kind: 'tor', asn: 64602, family: 'ipv4', node: '10.9.2.2', neighbor: '10.9.2.1' },
  { name: 'transit6', kind: 'transit', asn: 64603, family: 'ipv6', node: 'fd09:3::2', neighbor: 'fd09:3::1' },
  { name: 'tor6', kind: 'tor', asn: 64604, family: 'ipv6', node: 'fd09:4::2', neighbor: 'fd09:4::1' },
] as const

type PairNeighbor = (typeof neighbors)[number]

/** The part of `prefixes` that is advertised to that neighbor. */
export function advertisedTo(name: PairNeighbor['name'], prefixes: Iterable<string>): string[] {
  const { kind, family } = neighbors.find((neighbor) => neighbor.name === name)!
  return [...prefixes]
    .filter((prefix) => prefix.includes(':') === (family === 'ipv6'))
    .filter((prefix) => kind === 'tor' || !/\/(?:32|128)$/.test(prefix))
    .sort()
}

export function neighborConfig(dir: string): string {
  const sessions = neighbors.map(
    ({ name, asn, family, node, neighbor }) => `protocol bgp ${name} {
  local ${neighbor} as ${asn};
  neighbor ${node} as 64500;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ${family} { import all; export none; };
}`,
  )
  return `router id 10.0.0.99;\nlog "${dir}/log" all;\ndebug protocols { routes };\nprotocol device {}\n${sessions.join('\n')}\n`
}

export function birdNodeConfig(dir: string): string {
  const sessions = neighbors.map(
    ({ name, asn, family, node, neighbor, kind }) => `protocol bgp aw_${name} {
  local ${node} as 64500;
  neighbor ${neighbor} as ${asn};
  hold time 90;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ${family} {
    import none;
    export filter {
      if preference = 199 then { bgp_community.add((65535, 0)); bgp_path.prepend(64500); }
      if proto = "anyward${family.slice(3)}" && ${kind === 'tor' ? 'true' : `net.len <= ${family === 'ipv4' ? 24 : 48}`} then accept;
      reject;
    };
  };
}`,
  )
  return `router id 10.0.0.11;
log "${dir}/log" all;
include "${dir}/announce.con[f]";
protocol device {}
${sessions.join('\n')}
`
}

export function frrNodeConfig(): string {
  return `frr defaults traditional
hostname node
ip prefix-list covering seq 5 permit 0.0.0.0/0 ge 8 le 24
ip prefix-list all seq 5 permit 0.0.0.0/0 ge 8
ipv6 prefix-list covering seq 5 permit ::/0 ge 16 le 48
ipv6 prefix-list all seq 5 permit ::/0 ge 16
route-map in deny 10
exit
route-map aw-degraded permit 10
 set tag 1
exit
${neighbors
  .map(
    ({ name, family, kind }) => `route-map ${name}-out permit 5
 match tag 1
 set community 65535:0 additive
 set as-path prepend 64500
 set weight 1
 on-match next
exit
route-map ${name}-out permit 10
 match ${family === 'ipv4' ? 'ip' : 'ipv6'} address prefix-list ${kind === 'tor' ? 'all' : 'covering'}
exit`,
  )
  .join('\n')}
router bgp 64500
 bgp router-id 10.0.0.11
 no bgp default ipv4-unicast
 no bgp network import-check
${neighbors
  .map(
    ({ neighbor, asn }) => ` neighbor ${neighbor} remote-as ${asn}\n neighbor ${neighbor} timers connect 1`,
  )
  .join('\n')}
${neighbors
  .map(
    ({ name, family, neighbor }) => ` address-family ${family} unicast
  neighbor ${neighbor} activate
  neighbor ${neighbor} route-map in in
  neighbor ${neighbor} route-map ${name}-out out
 exit-address-family`,
  )
  .join('\n')}
exit
`
}

export function manifestOf(daemon: 'bird' | 'frr', dir: string): Manifest {
  const service = {
    anycast: [],
    wireguard: {
      interface: 'wg0',
      port: 51820,
      publicKey: 'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=',
      addresses: [],
    },
    probe: {
      privateKeyFile: '/etc/anyward/probe.key',
      presharedKeyFile: null,
      address: '10.80.255.254',
      intervalMs: 200,
      timeoutMs: 300,
      rise: 5,
      fall: 3,
      checks: ['handshake'],
    },
    onStop: 'withdraw',
  }
  return requireManifest({
    degradable: true,
    maintenance: [],
    format: 1,
    site: 'fra1',
    node: 'fra1-a',
    daemon,
    asn: 64500,
    routerId: '10.0.0.11',
    paths: {
      daemonSocket: `${dir}/${daemon === 'bird' ? 'ctl' : 'bgpd.vty'}`,
      announceFile: daemon === 'bird' ? `${dir}/announce.conf` : null,
      configFile: `${dir}/${daemon}.conf`,
      bundleDir: `${dir}/bundle`,
      runtimeDir: dir,
      stateDir: dir,
    },
    listen: [],
    neighbors: neighbors.map(({ name, kind, asn, family, node, neighbor }) => ({
      name,
      kind,
      asn,
      address: neighbor,
      localAddress: node,
      family,
      protocol: daemon === 'bird' ? `aw_${name}` : null,
      gtsm: false,
      passwordFile: null,
      prefixes: advertisedTo(name, everything),
    })),
    services: [
      { ...service, name: 'vpn', prefixes: [covering4, host4, covering6, host6] },
      { ...service, name: 'other', prefixes: [otherCovering4] },
    ],
    files: {},
  })
}
