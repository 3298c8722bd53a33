import type { NodePlan, SessionPlan } from '../../../src/plan/compile/plan.ts'
import type { DaemonKind } from '../fleet/proof-fleet.ts'

/** An own prefix of the engineer, which no session of the YAML may carry through the filters of the bundle. */
export const ownUnicast = { ipv4: '99.94.0.0/24', ipv6: '2999:94::/48' } as const

/** The name that an engineer's own bird.conf gives a session. */
export function ownName({ symbol }: SessionPlan): string {
  return `own_${symbol}`
}

/** What an engineer writes for an attached node: a configuration that calls the filters of the bundle. */
export const ownConfigs: Readonly<Record<DaemonKind, (plan: NodePlan, filters: string) => string>> = {
  bird: (plan, filters) => `
router id ${plan.routerId};
include "${plan.layout.paths.announceFile}";
${filters}
protocol device {}
protocol static { ipv4; route ${ownUnicast.ipv4} blackhole; }
protocol static { ipv6; route ${ownUnicast.ipv6} blackhole; }
${plan.sessions.map((session) => birdSession(plan, session)).join('')}`,

  frr: (plan, filters) => `
frr defaults traditional
bgp route-map delay-timer 1
ip route ${ownUnicast.ipv4} blackhole
ipv6 route ${ownUnicast.ipv6} blackhole
${filters}
router bgp ${plan.asn}
 bgp router-id ${plan.routerId}
 no bgp default ipv4-unicast
 no bgp network import-check
 bgp graceful-restart-disable
 coalesce-time 0
${plan.sessions
  .map(
    ({ address, asn, localAddress }) => ` neighbor ${address} remote-as ${asn}
 neighbor ${address} update-source ${localAddress}
 no neighbor ${address} enforce-first-as
 neighbor ${address} timers connect 5
`,
  )
  .join('')}${(['ipv4', 'ipv6'] as const)
  .map(
    (family) => ` address-family ${family} unicast
  network ${ownUnicast[family]}
${plan.sessions
  .filter(({ address }) => address?.family === family)
  .map(frrSession)
  .join('')} exit-address-family
`,
  )
  .join('')}exit
`,
}

/** As docs/attached.md shows it: the filters of the bundle decide, and nothing else is accepted. */
function birdSession({ asn: ours }: NodePlan, session: SessionPlan): string {
  const { symbol, address, localAddress, asn } = session
  return `
protocol bgp ${ownName(session)} {
  local ${localAddress} as ${ours};
  neighbor ${address} as ${asn};
  allow as sets no;
  connect delay time 1;
  ${address!.family} {
    import filter { if ${symbol}_in() then accept; reject; };
    export filter { if ${symbol}_out() then accept; reject; };
  };
}
`
}

function frrSession({ address, symbol }: SessionPlan): string {
  return `  neighbor ${address} activate
  neighbor ${address} route-map ${symbol}-in in
  neighbor ${address} route-map ${symbol}-out out
`
}
