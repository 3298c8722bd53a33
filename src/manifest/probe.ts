import {
  type Infer,
  list,
  nullable,
  number,
  plainText,
  record,
  type Shape,
  whole,
  withDefault,
  word,
  wrong,
  yesNo,
} from '../text/shape.ts'
import { bounds, leastShare, longestArgument } from './bounds.ts'
import { absolutePath, address, durationMs, hostName, port } from './values.ts'
import { checkNames, egressProtocols } from './words.ts'

/** The interval of a side check, and how often in a row it must fail or succeed to count. */
const pace = {
  intervalMs: durationMs(bounds.sideCheck.interval),
  timeoutMs: durationMs(bounds.sideCheck.timeout),
  rise: whole(...bounds.sideCheck.times),
  fall: whole(...bounds.sideCheck.times),
}
const share = number(leastShare, 1)

/** Probes targets beyond the gateway, through the probe's own tunnel session. */
const egress = record({
  ...pace,
  targets: list(
    record({
      protocol: word(...egressProtocols),
      address,
      /** `null` for icmp. */
      port: nullable(port),
      /** For dns: the name to resolve; otherwise `null`. */
      name: nullable(hostName),
    }),
    100,
    1,
  ),
  /** How many targets must answer. */
  need: whole(...bounds.sideCheck.need),
})

const argv: Shape<string[]> = (raw, place) => {
  const read = list(plainText(longestArgument), 1000, 1)(raw, place)
  return read?.[0]?.startsWith('/') ? read : wrong(place, 'has no program by its absolute path')
}

/** A program of the engineer: exit code 0 is good. Never a shell. */
const command = record({ ...pace, argv })

/** The number of real peers with a fresh handshake dropped suddenly. */
const peers = record({
  ...pace,
  /** The check fails if the count drops by this share of the highest count within `withinMs`. */
  drop: share,
  withinMs: durationMs(bounds.sideCheck.within),
  /** With fewer fresh peers before the drop, the check does not fail. */
  least: whole(...bounds.sideCheck.least),
})

/** The connection tracking table is nearly full. */
const conntrack = record({
  ...pace,
  /** The share of nf_conntrack_max that may be used. */
  maxUse: share,
})

/** How the endpoint is probed. */
export const probe = record({
  /** The probe peer's private key, as `wg genkey` writes it. */
  privateKeyFile: absolutePath,
  presharedKeyFile: nullable(absolutePath),
  /** The probe's own address inside the tunnel. */
  address,
  intervalMs: durationMs(bounds.probe.interval),
  timeoutMs: durationMs(bounds.probe.timeout),
  /** Good probes in a row until an unhealthy endpoint is healthy. */
  rise: whole(...bounds.probe.times),
  /** Bad probes in a row until a healthy endpoint is unhealthy. */
  fall: whole(...bounds.probe.times),
  checks: list(word(...checkNames), checkNames.length, 1),
  // The fields below are missing in older bundles; the defaults keep their behavior: no window, no suspicion,
  // no hold-down, no side checks.
  /** At most the share `maxLoss` of the last `size` probes may be bad. */
  window: withDefault(record({ size: whole(...bounds.probe.windowSize), maxLoss: share }), {
    size: 10,
    maxLoss: 1,
  }),
  /** After a missed answer the probe asks again at once, and then closely. */
  suspicion: withDefault(yesNo, false),
  /** After each flap the endpoint must stay good for longer: `initialMs`, doubled up to `maxMs`. */
  holdDown: withDefault(
    record({
      initialMs: durationMs(bounds.probe.holdDownInitial),
      maxMs: durationMs(bounds.probe.holdDownMax),
    }),
    { initialMs: 0, maxMs: 0 },
  ),
  /** Each is present exactly if `checks` names it. */
  egress: withDefault(nullable(egress), null),
  command: withDefault(nullable(command), null),
  peers: withDefault(nullable(peers), null),
  conntrack: withDefault(nullable(conntrack), null),
})

export type ProbeSettings = Infer<typeof probe>
export type EgressSettings = NonNullable<ProbeSettings['egress']>
