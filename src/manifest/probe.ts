import { bounds, leastShare, longestArgument } from './bounds.ts'
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
} from './shape.ts'
import { absolutePath, address, durationMs, hostName, port } from './values.ts'
import { checkNames, egressProtocols } from './words.ts'

/** When a side check is run, and how often in a row it must fail or succeed to count. */
const pace = {
  intervalMs: durationMs(bounds.sideCheck.interval),
  timeoutMs: durationMs(bounds.sideCheck.timeout),
  rise: whole(...bounds.sideCheck.times),
  fall: whole(...bounds.sideCheck.times),
}
const share = number(leastShare, 1)

/** Through the probe's own tunnel session, to what lies beyond the gateway. */
const egress = record({
  ...pace,
  targets: list(
    record({
      protocol: word(...egressProtocols),
      address,
      /** `null` for icmp. */
      port: nullable(port),
      /** For dns: the name that is asked for; else `null`. */
      name: nullable(hostName),
    }),
    100,
    1,
  ),
  /** How many targets have to answer. */
  need: whole(...bounds.sideCheck.need),
})

const argv: Shape<string[]> = (raw, place) => {
  const read = list(plainText(longestArgument), 1000, 1)(raw, place)
  return read?.[0]?.startsWith('/') ? read : wrong(place, 'has no program by its absolute path')
}

/** A program of the engineer's: exit code 0 is good. Never a shell. */
const command = record({ ...pace, argv })

/** The share of real peers with a fresh handshake fell off a cliff. */
const peers = record({
  ...pace,
  /** A fall by this share of the highest count within `withinMs` is one. */
  drop: share,
  withinMs: durationMs(bounds.sideCheck.within),
  /** With fewer fresh peers than that before the fall, nothing is said. */
  least: whole(...bounds.sideCheck.least),
})

/** The connection tracking table is nearly full. */
const conntrack = record({
  ...pace,
  /** The share of nf_conntrack_max that may be used. */
  maxUse: share,
})

/** How the endpoint is probed: what the YAML says of it, and what the controller does. */
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
  // What follows is missing in older bundles, which then get what they had: no window, no hold-down, no side checks.
  /** Of the last `size` probes at most the share `maxLoss` may be bad. */
  window: withDefault(record({ size: whole(...bounds.probe.windowSize), maxLoss: share }), {
    size: 10,
    maxLoss: 1,
  }),
  /** After each flap the endpoint has to stay good for longer, from `initialMs` doubling up to `maxMs`. */
  holdDown: withDefault(
    record({
      initialMs: durationMs(bounds.probe.holdDownInitial),
      maxMs: durationMs(bounds.probe.holdDownMax),
    }),
    { initialMs: 0, maxMs: 0 },
  ),
  /** Each is there exactly if `checks` names it. */
  egress: withDefault(nullable(egress), null),
  command: withDefault(nullable(command), null),
  peers: withDefault(nullable(peers), null),
  conntrack: withDefault(nullable(conntrack), null),
})

export type ProbeSettings = Infer<typeof probe>
export type EgressSettings = NonNullable<ProbeSettings['egress']>
