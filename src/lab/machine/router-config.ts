import type { Family } from '../../net/prefix.ts'
import type { NodePlan, SessionPlan } from '../../plan/compile/plan.ts'
import type { LabRouter, NodeLink, Topology } from '../topology/model.ts'

/** Private numbers (RFC 6996) for the wires between the lab's routers and its core. */
const coreAsn = 4_200_000_000

/** GRACEFUL_SHUTDOWN (RFC 8326). */
const shutdownCommunity = '(65535, 0)'
/**
 * BIRD's `preference` of a route at a neighbor's router: the local node comes first, unless it is degraded and
 * another is not. Otherwise two degraded sites would forward packets to each other in a loop.
 */
const preference = { here: 100, away: 50, degraded: 40, awayDegraded: 30 }

const families = [
  { family: 'ipv4', digit: 4, default: '0.0.0.0/0', maxLength: 24 },
  { family: 'ipv6', digit: 6, default: '::/0', maxLength: 48 },
] as const

const defaultRoutes = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const
const coreRouterId = '198.19.255.255'
const clientNetworks = { ipv4: '198.18.0.0/15', ipv6: '2001:2::/48' } as const

interface RouterSession {
  readonly link: NodeLink
  readonly node: NodePlan
  readonly session: SessionPlan
  readonly password: string | null
}

/** The BIRD of a neighbor: the other end of each node's session with it, and the route to the core. */
export function renderRouter(router: LabRouter, sessions: readonly RouterSession[], logFile: string): string {
  return joinBlocks([
    renderHead(router.coreLink.ipv4.router.toString(), logFile),
    // The clients' networks, and the nodes' links: BIRD resolves an iBGP next hop through its table.
    block('protocol direct lab_connected', ['ipv4;', 'ipv6;', 'interface "cl*", "dn*";']),
    // Most networks honor the community; a longer path is less preferred anyway, here by this rule.
    block('filter lab_node_in', [
      `if ${shutdownCommunity} ~ bgp_community || bgp_path.len > 1 then preference = ${preference.degraded};`,
      'accept;',
    ]),
    block('filter lab_core_in', [
      `preference = ${preference.away};`,
      `if ${shutdownCommunity} ~ bgp_community then preference = ${preference.awayDegraded};`,
      'accept;',
    ]),
    ...families.flatMap(({ family, digit, default: defaultRoute, maxLength }) => [
      block(`protocol static lab_default${digit}`, [
        `${family};`,
        `route ${defaultRoute} via ${router.coreLink[family].core};`,
      ]),
      renderKernel(family, digit),
      // A tor's routes carry NO_EXPORT: the lab's router represents the site's whole edge, and exports what the
      // internet would accept. An empty path prevents a false loop for a carrier at two sites.
      block(`filter lab_core_out${digit}`, [
        `if source = RTS_DEVICE && net ~ [ ${clientNetworks[family]}+ ] then accept;`,
        `if source != RTS_BGP || proto = "lab_core${digit}" || net.len > ${maxLength} then reject;`,
        'bgp_path.empty;',
        'bgp_community.empty;',
        'bgp_large_community.empty;',
        `if preference < ${preference.here} then bgp_community.add(${shutdownCommunity});`,
        'accept;',
      ]),
      block(`protocol bgp lab_core${digit}`, [
        `local ${router.coreLink[family].router} as ${coreAsn + router.index};`,
        `neighbor ${router.coreLink[family].core} as ${coreAsn};`,
        'interpret communities off;',
        ...shortTimers,
        `${family} { import filter lab_core_in; export filter lab_core_out${digit}; next hop self; };`,
      ]),
    ]),
    ...(sessions.some(({ session }) => session.bfd !== null) ? [block('protocol bfd lab_bfd', [])] : []),
    // An unnumbered session of FRR learns its neighbor's address from these.
    ...sessions.flatMap(({ link, session }) =>
      session.interface === null
        ? []
        : [
            `protocol radv { interface "${link.routerInterface}" { max ra interval 4; default lifetime 0; }; }`,
          ],
    ),
    ...sessions.map((entry) => renderSession(router, entry)),
  ])
}

/** The BIRD of the core: it advertises each neighbor's routes to the others. */
export function renderCore(topology: Topology, logFile: string): string {
  return joinBlocks([
    renderHead(coreRouterId, logFile),
    block('protocol direct lab_connected', ['ipv4;', 'ipv6;', 'interface "cl*";']),
    ...families.map(({ family, digit }) => renderKernel(family, digit)),
    block('filter lab_router_in', [
      `if ${shutdownCommunity} ~ bgp_community then bgp_local_pref = 0;`,
      'accept;',
    ]),
    ...topology.routers.flatMap((router) =>
      families.map(({ family, digit }) =>
        block(`protocol bgp lab_router${router.index}_${digit}`, [
          `local ${router.coreLink[family].core} as ${coreAsn};`,
          `neighbor ${router.coreLink[family].router} as ${coreAsn + router.index};`,
          ...shortTimers,
          `${family} { import filter lab_router_in; export all; next hop self; };`,
        ]),
      ),
    ),
  ])
}

/** BIRD's defaults wait seconds before the first attempt and minutes after an error: too long for a lab. */
const shortTimers = ['connect delay time 1;', 'connect retry time 1;', 'error wait time 1, 1;']

function renderSession(router: LabRouter, { link, node, session, password }: RouterSession): string {
  const { bfd } = session
  return block(`protocol bgp ${link.protocol}`, [
    `description "${node.node} ${session.neighbor}";`,
    `local ${link.routerAddress} as ${router.asn};`,
    `neighbor ${link.nodeAddress} as ${session.localAs ?? node.asn};`,
    ...(session.interface === null ? [] : [`interface "${link.routerInterface}";`]),
    ...(session.gtsm ? ['ttl security on;'] : []),
    ...(password === null ? [] : [`password "${password}";`]),
    ...(bfd === null ? [] : [bfd.hops === 'single' ? 'direct;' : 'multihop;']),
    ...(bfd === null ? [] : [`bfd { interval ${bfd.intervalMs} ms; multiplier ${bfd.multiplier}; };`]),
    ...shortTimers,
    ...session.channels.flatMap(({ family }) => [
      `${family} {`,
      `  preference ${preference.here};`,
      ...(link.families.length > 1 && family === 'ipv4' ? ['  extended next hop on;'] : []),
      '  import filter lab_node_in;',
      `  export ${session.taken === 'nothing' ? 'none' : `where net = ${defaultRoutes[family]} && source = RTS_STATIC`};`,
      '  next hop self;',
      '};',
    ]),
  ])
}

function renderHead(routerId: string, logFile: string): string {
  return [
    `log "${logFile}" all;`,
    `router id ${routerId};`,
    'debug protocols { states, events };',
    'protocol device lab_device { }',
  ].join('\n')
}

function renderKernel(family: Family, digit: number): string {
  return block(`protocol kernel lab_kernel${digit}`, [
    `${family} { import none; export where source != RTS_DEVICE; };`,
  ])
}

function block(head: string, lines: readonly string[]): string {
  return [`${head} {`, ...lines.map((line) => `  ${line}`), '}'].join('\n')
}

function joinBlocks(blocks: readonly string[]): string {
  return `${blocks.join('\n\n')}\n`
}
