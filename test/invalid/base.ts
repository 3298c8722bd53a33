import { parseFleet } from '../../src/plan/sites/parse.ts'
import { formatIssue } from '../../src/text/issue.ts'

/** A valid fleet. Each row of the tables breaks it in one way. */
export const base: Record<string, string> = {
  'fleet.yaml': `asn: 64500
bogons: { allow: [192.0.2.0/24, "2001:db8::/32"] }
services:
  vpn:
    anycast: [192.0.2.1/32, "2001:db8:51::1/128"]
    covering: [192.0.2.0/24, "2001:db8:51::/48"]
    wireguard:
      interface: wg0
      port: 51820
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [10.80.0.1/16]
    probe:
      privateKeyFile: /etc/anyward/probe.key
      address: 10.80.255.254
      interval: 200ms
      checks: [interface, handshake]
    safety: { minSites: 1, onStop: withdraw }
rpki:
  caches: [{ host: 127.0.0.1, port: 3323 }, { host: rpki.example.net, port: 323 }]
`,
  'ams1.yaml': `site: ams1
nodes:
  - name: ams1-a
    daemon: frr
    routerId: 10.0.0.21
    services: [vpn]
    neighbors:
      - { name: transit2, kind: transit, asn: 64602, address: 10.2.1.1 }
      - { name: tor2, kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true }
`,
  'fra1.yaml': `site: fra1
nodes:
  - name: fra1-a
    daemon: bird
    routerId: 10.0.0.11
    services: [vpn]
    neighbors:
      - name: transit1
        kind: transit
        asn: 64601
        address: 10.1.1.1
        localAddress: 10.1.1.2
        description: Transit A
        import: default-only
        bfd: { interval: 100ms, multiplier: 3 }
        passwordFile: /etc/anyward/transit1.password
      - name: transit1-v6
        kind: transit
        asn: 64601
        address: 2001:db8:11::1
        localAddress: 2001:db8:11::2
`,
}

const fleetFields = `communities: ["64500:100", "64500:1:2"]
irr: { server: "whois.example.net:4343", sources: [RIPE, RADB] }
store:
  endpoints: [10.9.0.1:2379, etcd2.example.net:2379, "[2001:db8::9]:2379"]
  caFile: /etc/anyward/store/ca.pem
  certFile: /etc/anyward/store/site.pem
  keyFile: /etc/anyward/store/site.key
remote: { interval: 5s, observers: 3, degrade: true }
rescue: { port: 9600, certFile: /etc/anyward/node.pem, keyFile: /etc/anyward/node.key }
planner: { schedule: "*/15  4-6 * * *", keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAPAORbqbNMyUXh8a1vs2ZOZxfkKvxNT/FI2EeNiknnD planner@noc 2"] }
controller:
  listen: "[::]:9586"
  tokensFile: /etc/anyward/page-tokens
  tls:
    certFile: /etc/anyward/page/server.crt
    keyFile: /etc/anyward/page/server.key
    clientCaFile: /etc/anyward/page/clients.crt
  peerMetrics: true
rollout: { waves: [{ name: canary, nodes: [ams1-a] }, { name: half, share: 50% }], soak: 90s, via: ssh }
`
const serviceFields = `      checks: [interface, handshake, egress, command, peers, conntrack]
      suspicion: false
      window: { size: 100, maxLoss: 30% }
      holdDown: { initial: 2s, max: 5m }
      egress:
        targets:
          - { protocol: icmp, address: 198.51.100.53 }
          - { protocol: dns, address: 198.51.100.54, name: example.com }
          - { protocol: tcp, address: 198.51.100.55, port: 443 }
        need: 2
        interval: 7s
        timeout: 1s
        rise: 4
        fall: 5
      command: { argv: [/usr/local/bin/check-upstream, --fast] }
      peers: { drop: 40%, within: 2m, least: 50 }
    communities: ["64500:300"]
    when: { dead: degrade, impaired: withdraw }
    drain: { idle: 5s, limit: 2m, undrain: 0s }
    safety: { minSites: 50%, alone: { dead: hold, impaired: withdraw }, onStop: withdraw, deadMan: keep }
`
const rpkiFields = `  invalid: accept
  refresh: 30m
  retry: 5m
  expire: 90m
  atExpiry: accept
  lastGood: { host: 127.0.0.2, port: 3325 }
  vrps: { file: vrps.json, slurm: /etc/anyward/slurm.json, maxAge: 12h }
`
const siteEdits: [from: string, to: string][] = [
  ['daemon: bird', 'daemon: bird\n    unicast: 198.51.100.8\n    daemonVersion: 2.0.12'],
  [
    'import: default-only',
    `import: full
        limit: 1000
        relax: [path-length, as-set]
        tighten:
          pathLength: 32
          notFound: reject
          onlyPrefixes: [203.0.113.0/24, 198.51.100.0/22 ge 23 le 24]
          rejectPrefixes: [0.0.0.0/0 ge 25]
          rejectAsns: [64666]
        services: [vpn]
        communities: [no-export]
        prepend: 2
        med: 1000
        localPref: 200
        hostRoutes: false
        role: none
        multihop: 2
        localAs: 64511
        timers: { hold: 30s, keepalive: 5s }
        degrade: { gracefulShutdown: false, prepend: 5, med: 1000 }`,
  ],
  [
    'nodes:\n  - name: fra1-a',
    `maintenance: [{ cron: "0 3 * * sun", duration: 2h, timezone: Europe/Berlin }]
nodes:
  - name: fra1-a
    maintenance: [{ cron: "0 4 1 * *", duration: 60m }]`,
  ],
  [
    'kind: transit\n        asn: 64601\n        address: 2001',
    'kind: peer\n        irr: { asSet: "ripe::as64601:as-example" }\n        limit: 20\n        asn: 64601\n        address: 2001',
  ],
]

/** The base fleet with every optional field, still valid. */
export const everyField: Record<string, string> = {
  ...base,
  'fleet.yaml': base['fleet.yaml']!.replace('rpki:\n', `${fleetFields}rpki:\n${rpkiFields}`).replace(
    / {6}checks.*\n {4}safety.*\n/,
    serviceFields,
  ),
  'ams1.yaml': base['ams1.yaml']!.replace(
    'services: [vpn]',
    'services: [vpn]\n    ssh: ams1-a.example.net\n    unicast: 198.51.100.7\n    probeKeys: { vpn: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= }\n    asn: 64502\n    alwaysAnnounce: [45.45.45.0/24, "2a45::/32"]\n    extra: [{ file: ospf.conf, at: top }]',
  )
    .replace('gtsm: true', 'gtsm: true, noExport: false, vrf: red')
    .replace('site: ams1', 'site: ams1\nasn: 64503'),
  'fra1.yaml': siteEdits.reduce((text, [from, to]) => text.replace(from, to), base['fra1.yaml']!),
}

/** The base fleet with a second service, office, at ams1; these fields are added to the neighbor transit2 and to the services. */
export function twoServices(
  neighbor: string,
  { vpn = 'communities: []', office = 'communities: []' } = {},
): Record<string, string> {
  const second = `  office:
    anycast: [198.51.100.7/32]
    covering: [198.51.100.0/24]
    ${office}
    wireguard:
      interface: wg1
      port: 51821
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [10.81.0.1/16]
    probe: { privateKeyFile: /etc/anyward/office.key, address: 10.81.255.254 }
`
  return {
    ...base,
    'fleet.yaml': base['fleet.yaml']!.replace('allow: [', 'allow: [198.51.100.0/24, ')
      .replace('    wireguard:\n', `    ${vpn}\n    wireguard:\n`)
      .replace('rpki:\n', `${second}rpki:\n`),
    'ams1.yaml': base['ams1.yaml']!.replace('services: [vpn]', 'services: [vpn, office]').replace(
      'address: 10.2.1.1',
      `address: 10.2.1.1, ${neighbor}`,
    ),
  }
}

/** `[file, from, to]` replaces text that occurs once; `[file, text]` replaces a whole file, `null` removes it. */
export type Edit =
  | readonly [file: string, from: string, to: string]
  | readonly [file: string, text: string | null]

/** The issues of the base fleet with these edits, as printed. */
export function issuesAfter(edits: readonly Edit[]): string[] {
  return issuesOf(withEdits(edits))
}

function withEdits(edits: readonly Edit[]): Record<string, string | null> {
  const texts: Record<string, string | null> = { ...base }
  for (const edit of edits) {
    const [file] = edit
    if (edit.length === 2) {
      texts[file] = edit[1]
      continue
    }
    const parts = (texts[file] ?? '').split(edit[1])
    if (parts.length !== 2)
      throw new Error(`${JSON.stringify(edit[1])} stands ${parts.length - 1} times in ${file}`)
    texts[file] = parts.join(edit[2])
  }
  return texts
}

/** The file of `extra` in `everyField`. */
export const everyExtra = 'router ospf\n ospf router-id 10.0.0.21\nexit\n'

/** The issues of these files, as printed. */
export function issuesOf(texts: Readonly<Record<string, string | null>>): string[] {
  const files = Object.entries(texts).flatMap(([file, text]) =>
    text === null || !file.endsWith('.yaml') ? [] : [{ name: `sites/${file}`, text }],
  )
  const { fleet, issues } = parseFleet(files, (file) => {
    const text = texts[file]
    return text == null
      ? { name: `sites/${file}`, problem: 'cannot be read: there is no such file or folder', hint: null }
      : { name: `sites/${file}`, text }
  })
  if ((fleet === null) !== issues.some((issue) => issue.severity === 'error')) {
    throw new Error('a fleet with errors came through, or one without was refused')
  }
  return issues.map((issue) => formatIssue(issue).replace('\n    ', '\n'))
}
