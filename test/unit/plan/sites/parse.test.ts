import { expect, test, vi } from 'vitest'
import { neighborKinds } from '../../../../src/manifest/words.ts'
import { importsByKind } from '../../../../src/plan/sites/fleet.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { base, everyExtra, everyField, issuesAfter } from '../../../invalid/base.ts'

// Hundreds of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

function parseBase(edit: (text: string, name: string) => string) {
  const files = Object.entries(base).map(([name, text]) => ({ name, text: edit(text, name) }))
  return parseFleet(files, (name) => ({ name, text: everyExtra })).fleet
}

test('every field of the YAML arrives in the fleet', () => {
  const fleet = parseBase((_text, name) => everyField[name]!)
  expect(JSON.parse(JSON.stringify(fleet))).toEqual({
    asn: 64500,
    bogonsAllowed: ['192.0.2.0/24', '2001:db8::/32'],
    services: [
      {
        name: 'vpn',
        anycast: ['192.0.2.1/32', '2001:db8:51::1/128'],
        covering: ['192.0.2.0/24', '2001:db8:51::/48'],
        communities: ['64500:300'],
        wireguard: {
          interface: 'wg0',
          port: 51820,
          publicKey: 'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=',
          addresses: ['10.80.0.1/16'],
        },
        probe: {
          privateKeyFile: '/etc/anyward/probe.key',
          presharedKeyFile: null,
          address: '10.80.255.254',
          intervalMs: 200,
          timeoutMs: 300,
          rise: 5,
          fall: 3,
          checks: ['interface', 'handshake', 'egress', 'command', 'peers', 'conntrack'],
          suspicion: false,
          window: { size: 100, maxLoss: 0.3 },
          holdDown: { initialMs: 2000, maxMs: 300_000 },
          egress: {
            targets: [
              { protocol: 'icmp', address: '198.51.100.53', port: null, name: null },
              { protocol: 'dns', address: '198.51.100.54', port: 53, name: 'example.com' },
              { protocol: 'tcp', address: '198.51.100.55', port: 443, name: null },
            ],
            need: 2,
            intervalMs: 7000,
            timeoutMs: 1000,
            rise: 4,
            fall: 5,
          },
          command: {
            argv: ['/usr/local/bin/check-upstream', '--fast'],
            intervalMs: 10_000,
            timeoutMs: 5000,
            rise: 2,
            fall: 3,
          },
          peers: {
            drop: 0.4,
            withinMs: 120_000,
            least: 50,
            intervalMs: 15_000,
            timeoutMs: 5000,
            rise: 2,
            fall: 3,
          },
          conntrack: { maxUse: 0.9, intervalMs: 10_000, timeoutMs: 5000, rise: 2, fall: 3 },
        },
        when: { dead: 'degrade', impaired: 'withdraw' },
        drain: { idleMs: 5000, limitMs: 120_000, undrainMs: 0 },
        // Of two sites.
        safety: {
          minSites: 1,
          alone: { dead: 'hold', impaired: 'withdraw' },
          onStop: 'withdraw',
          deadManMs: null,
        },
      },
    ],
    communities: ['64500:100', '64500:1:2'],
    rpki: {
      caches: [
        { host: '127.0.0.1', port: 3323 },
        { host: 'rpki.example.net', port: 323 },
      ],
      invalid: 'accept',
      refreshS: 1800,
      retryS: 300,
      expireS: 5400,
      atExpiry: 'accept',
      lastGood: { host: '127.0.0.2', port: 3325 },
      vrps: { file: 'vrps.json', slurm: '/etc/anyward/slurm.json', maxAgeMs: 43_200_000 },
    },
    irr: { server: 'whois.example.net:4343', sources: ['RIPE', 'RADB'] },
    store: {
      endpoints: ['10.9.0.1:2379', 'etcd2.example.net:2379', '[2001:db8::9]:2379'],
      caFile: '/etc/anyward/store/ca.pem',
      certFile: '/etc/anyward/store/site.pem',
      keyFile: '/etc/anyward/store/site.key',
      beatEveryMs: 1000,
    },
    remote: { intervalMs: 5000, observers: 3, degrade: true },
    rescue: {
      port: 9600,
      caFile: '/etc/anyward/store/ca.pem',
      certFile: '/etc/anyward/node.pem',
      keyFile: '/etc/anyward/node.key',
    },
    planner: {
      schedule: '*/15 4-6 * * *',
      keys: [
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAPAORbqbNMyUXh8a1vs2ZOZxfkKvxNT/FI2EeNiknnD planner@noc 2',
      ],
    },
    rollout: {
      waves: [
        { name: 'canary', nodes: ['ams1-a'], sites: null, share: null },
        { name: 'half', nodes: null, sites: null, share: 0.5 },
      ],
      soakMs: 90_000,
      via: 'ssh',
    },
    listen: '[::]:9586',
    access: {
      tokensFile: '/etc/anyward/page-tokens',
      tls: {
        certFile: '/etc/anyward/page/server.crt',
        keyFile: '/etc/anyward/page/server.key',
        clientCaFile: '/etc/anyward/page/clients.crt',
      },
    },
    peerMetrics: true,
    sites: [
      {
        name: 'ams1',
        nodes: [
          {
            name: 'ams1-a',
            maintenance: [],
            daemon: 'frr',
            routing: 'managed',
            daemonVersion: null,
            asn: 64502,
            routerId: '10.0.0.21',
            ssh: 'ams1-a.example.net',
            unicast: '198.51.100.7',
            probeKeys: [{ service: 'vpn', publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=' }],
            services: ['vpn'],
            extra: [{ file: 'ospf.conf', at: 'top', text: 'router ospf\n ospf router-id 10.0.0.21\nexit\n' }],
            alwaysAnnounce: ['45.45.45.0/24', '2a45::/32'],
            neighbors: [
              plainNeighbor({
                name: 'transit2',
                kind: 'transit',
                asn: 64602,
                address: '10.2.1.1',
                import: 'full',
              }),
              plainNeighbor({
                name: 'tor2',
                kind: 'tor',
                asn: 64613,
                address: '2001:db8:21::1',
                gtsm: true,
                noExport: false,
                vrf: 'red',
              }),
            ],
          },
        ],
      },
      {
        name: 'fra1',
        nodes: [
          {
            name: 'fra1-a',
            maintenance: [
              { cron: '0 3 * * sun', durationMs: 7_200_000, timezone: 'Europe/Berlin' },
              { cron: '0 4 1 * *', durationMs: 3_600_000, timezone: 'UTC' },
            ],
            daemon: 'bird',
            routing: 'managed',
            daemonVersion: '2.0.12',
            asn: 64500,
            routerId: '10.0.0.11',
            ssh: 'fra1-a',
            unicast: '198.51.100.8',
            probeKeys: [],
            services: ['vpn'],
            extra: [],
            alwaysAnnounce: [],
            neighbors: [
              plainNeighbor({
                name: 'transit1',
                kind: 'transit',
                asn: 64601,
                localAs: 64511,
                address: '10.1.1.1',
                localAddress: '10.1.1.2',
                description: 'Transit A',
                import: 'full',
                limit: 1000,
                relax: ['path-length', 'as-set'],
                tighten: {
                  pathLength: 32,
                  notFound: 'reject',
                  onlyPrefixes: [
                    { prefix: '203.0.113.0/24', minLength: 24, maxLength: 24 },
                    { prefix: '198.51.100.0/22', minLength: 23, maxLength: 24 },
                  ],
                  rejectPrefixes: [{ prefix: '0.0.0.0/0', minLength: 25, maxLength: 32 }],
                  rejectAsns: [64666],
                },
                services: ['vpn'],
                communities: ['65535:65281'],
                prepend: 2,
                med: 1000,
                localPref: 200,
                hostRoutes: false,
                role: 'none',
                multihop: 2,
                bfd: { intervalMs: 100, multiplier: 3, hops: 'multi' },
                timers: { holdS: 30, keepaliveS: 5 },
                passwordFile: '/etc/anyward/transit1.password',
                degrade: { gracefulShutdown: false, prepend: 5, med: 1000 },
              }),
              plainNeighbor({
                name: 'transit1-v6',
                kind: 'peer',
                import: 'full',
                limit: 20,
                irr: { type: 'as-set', asSet: 'RIPE::AS64601:AS-EXAMPLE' },
                asn: 64601,
                address: '2001:db8:11::1',
                localAddress: '2001:db8:11::2',
              }),
            ],
          },
        ],
      },
    ],
  })
})

function plainNeighbor(fields: Record<string, unknown>): Record<string, unknown> {
  return {
    localAs: null,
    localAddress: null,
    interface: null,
    vrf: null,
    extendedNextHop: false,
    description: null,
    import: 'nothing',
    limit: null,
    relax: [],
    tighten: { pathLength: null, notFound: 'accept', onlyPrefixes: null, rejectPrefixes: [], rejectAsns: [] },
    irr: null,
    services: null,
    communities: [],
    hostRoutes: null,
    noExport: null,
    role: null,
    multihop: null,
    bfd: null,
    timers: { holdS: 90, keepaliveS: 30 },
    gtsm: false,
    prepend: 0,
    med: null,
    localPref: null,
    passwordFile: null,
    degrade: { gracefulShutdown: true, prepend: 3, med: null },
    session: null,
    ...fields,
  }
}

test('the AS number of a node is its own, that of its site, or that of the fleet', () => {
  const asnOf = (edit: (text: string) => string) =>
    parseBase((text, name) => (name === 'ams1.yaml' ? edit(text) : text))?.sites[0]?.nodes[0]?.asn
  expect(asnOf((text) => text)).toBe(64500)
  expect(asnOf((text) => text.replace('site: ams1', 'site: ams1\nasn: 64503'))).toBe(64503)
  const both = (text: string) =>
    text.replace('site: ams1', 'site: ams1\nasn: 64503').replace('daemon: frr', 'daemon: frr\n    asn: 64502')
  expect(asnOf(both)).toBe(64502)
})

test.for([
  [100, 1000],
  [101, 2000],
])('in a fleet of %i nodes each says every %i ms that it is there', ([nodes, beatEveryMs]) => {
  const store = 'store: { endpoints: [192.0.2.9:2379], caFile: /ca, certFile: /cert, keyFile: /key }\n'
  const files = Object.entries(base).map(([name, text]) => ({ name, text }))
  const fleet = files.map(({ name, text }) =>
    name === 'fleet.yaml' ? { name, text: `${store}${text}` } : null,
  )
  const sites = Array.from({ length: nodes! }, (_, at) => ({
    name: `s${at}.yaml`,
    text: base['ams1.yaml']!.replaceAll('ams1', `s${at}`).replace('10.0.0.21', `10.0.1.${at}`),
  }))
  const parsed = parseFleet([...fleet.filter((file) => file !== null), ...sites], () => {
    throw new Error('no file is expected')
  })
  expect(parsed.fleet?.store?.beatEveryMs).toBe(beatEveryMs)
})

test('a missing field has its default', () => {
  const fleet = parseBase((text) =>
    text.replace(/ {6}interval.*\n {6}checks.*\n {4}safety.*\n/, '').replace(/rpki:\n.*\n/, ''),
  )
  expect(fleet?.rpki).toBeNull()
  expect(fleet?.communities).toEqual([])
  expect(fleet?.irr).toEqual({ server: null, sources: [] })
  expect(fleet?.planner).toEqual({ schedule: '*/10 * * * *', keys: [] })
  expect(fleet?.rollout).toEqual({ waves: [], soakMs: 300_000, via: 'ssh' })
  expect(fleet?.listen).toBe('127.0.0.1:9586')
  expect(fleet?.services[0]?.safety).toEqual({
    minSites: 1,
    alone: { dead: 'withdraw', impaired: 'hold' },
    onStop: 'withdraw',
    deadManMs: 10_000,
  })
  expect(fleet?.services[0]?.when).toEqual({ dead: 'withdraw', impaired: 'degrade' })
  expect(fleet?.services[0]?.drain).toEqual({ idleMs: 3000, limitMs: 60_000, undrainMs: 10_000 })
  expect(fleet?.services[0]?.probe).toMatchObject({
    intervalMs: 200,
    timeoutMs: 300,
    rise: 5,
    fall: 3,
    checks: ['interface', 'address', 'handshake', 'ping'],
  })
})

test('RPKI with only caches has the timers of RFC 8210, with a shorter retry, and keeps the last good set', () => {
  expect(parseBase((text) => text)?.rpki).toMatchObject({
    invalid: 'reject',
    refreshS: 3600,
    retryS: 30,
    expireS: 7200,
    atExpiry: 'last-good',
    lastGood: { host: '127.0.0.1', port: 3324 },
    vrps: null,
  })
})

test('a VRP file may be a day old by default, and an IRR file is a set', () => {
  const fleet = parseBase((text, name) =>
    name === 'fleet.yaml'
      ? text.replace('rpki:\n', 'rpki:\n  vrps: { file: vrps.json }\n')
      : text.replace('kind: transit, asn: 64602', 'kind: peer, irr: { file: irr/a b.txt }, asn: 64602'),
  )
  expect(fleet?.rpki?.vrps).toEqual({ file: 'vrps.json', slurm: null, maxAgeMs: 86_400_000 })
  expect(fleet?.sites[0]?.nodes[0]?.neighbors[0]?.irr).toEqual({ type: 'file', file: 'irr/a b.txt' })
})

test.each([
  ['', { holdS: 90, keepaliveS: 30 }],
  ['timers: { hold: 20s }, ', { holdS: 20, keepaliveS: 6 }],
  ['timers: { keepalive: 10s }, ', { holdS: 90, keepaliveS: 10 }],
])('the timers of a neighbor with { %s}', (fields, timers) => {
  const fleet = parseBase((text) =>
    text.replace('kind: transit, asn: 64602', `${fields}kind: transit, asn: 64602`),
  )
  expect(fleet?.sites[0]?.nodes[0]?.neighbors[0]?.timers).toEqual(timers)
})

test.each(neighborKinds)('the import of a %s neighbor has its default', (kind) => {
  const asn = kind === 'ibgp' ? 64500 : 64602
  const fleet = parseBase((text) => text.replace('kind: transit, asn: 64602', `kind: ${kind}, asn: ${asn}`))
  expect(fleet?.sites[0]?.nodes[0]?.neighbors[0]?.import).toBe(importsByKind[kind][0])
})

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['1m', 60_000],
])('a duration of %s is %d ms', (text, ms) => {
  const fleet = parseBase((yaml) => yaml.replace('interval: 200ms', `interval: ${text}`))
  expect(fleet?.services[0]?.probe.intervalMs).toBe(ms)
})

test('an alias has the value of its anchor', () => {
  const issues = issuesAfter([
    ['fra1.yaml', 'bfd: { interval: 100ms, multiplier: 3 }', 'bfd: &fast { interval: 100ms, multiplier: 3 }'],
    ['fra1.yaml', 'localAddress: 2001:db8:11::2', 'localAddress: 2001:db8:11::2\n        bfd: *fast'],
  ])
  expect(issues).toEqual([])
})

test('a file with very many errors has its list truncated, and is still refused', () => {
  const entries = Array.from({ length: 5000 }, (_, index) => `key${index}: 1\n`).join('')
  const issues = issuesAfter([['fra1.yaml', `site: fra1\nnodes: []\n${entries}`]])
  expect(issues.filter((issue) => !issue.includes('warning:'))).toHaveLength(201)
  expect(issues.at(-1)).toBe('sites/fra1.yaml:203:1 4800 errors not shown')
})

test('many warnings do not hide the error after them', () => {
  const nodes = Array.from(
    { length: 300 },
    (_, index) => `  - { name: n${index}, daemon: bird, routerId: 10.1.${index >> 8}.${index & 255} }`,
  )
  const issues = issuesAfter([
    [
      'fra1.yaml',
      `site: fra1\nnodes:\n${nodes.join('\n')}\n  - { name: n1, daemon: bird, routerId: 10.2.0.1 }\n`,
    ],
  ])
  expect(issues.at(-1)).toBe(
    'sites/fra1.yaml:303:13 nodes[300].name: "n1" is already used by nodes[1].name\neach node of the fleet needs a unique name',
  )
})
