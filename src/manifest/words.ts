export const neighborKinds = ['transit', 'peer', 'route-server', 'provider-private', 'tor', 'ibgp'] as const
export type NeighborKind = (typeof neighborKinds)[number]

/** `full`: all routes that pass the filters. `own-prefixes`: our own prefixes, from our other nodes. */
export const importWords = ['nothing', 'default-only', 'own-prefixes', 'full'] as const
export type ImportWord = (typeof importWords)[number]

/** Our side's role in the session (RFC 9234, section 3). */
export const roleWords = ['customer', 'provider', 'peer', 'rs-client', 'rs-server'] as const
export type RoleWord = (typeof roleWords)[number]

/** How far a BFD neighbor is: on a link (RFC 5881), or behind routers (RFC 5883). The two do not understand each other. */
export const bfdHops = ['single', 'multi'] as const
export type BfdHops = (typeof bfdHops)[number]

/** `managed`: the planner writes the daemon's whole configuration. `attached`: it is the engineer's own. */
export const routingWords = ['managed', 'attached'] as const
export type RoutingWord = (typeof routingWords)[number]

/** Where extra configuration is added: before or behind what the planner writes. */
export const extraPlaces = ['top', 'bottom'] as const
export type ExtraPlace = (typeof extraPlaces)[number]

export const failureActions = ['withdraw', 'degrade'] as const
export type FailureAction = (typeof failureActions)[number]

/** What a failure does while the store is unreachable, and no other announcer is seen. */
export const aloneActions = ['withdraw', 'hold'] as const
export type AloneAction = (typeof aloneActions)[number]

/** Checks of the endpoint itself: a failure makes the service dead. */
export const vitalChecks = ['interface', 'address', 'handshake', 'ping'] as const
/** Checks of what is behind the endpoint: a failure makes the service impaired. Each has an interval of its own. */
export const sideChecks = ['egress', 'command', 'peers', 'conntrack'] as const
export const checkNames = [...vitalChecks, ...sideChecks] as const
export type ConfiguredSideCheck = (typeof sideChecks)[number]
/** Every service has it, whatever its `checks`: a side check, of the node itself. */
export const sourceCheck = 'source'
export type SideCheck = ConfiguredSideCheck | typeof sourceCheck
/** Of several bad ones, the first gives the reason. */
export const sideOrder: readonly SideCheck[] = [...sideChecks, sourceCheck]
export type CheckName = (typeof checkNames)[number] | typeof sourceCheck

export const egressProtocols = ['icmp', 'dns', 'tcp'] as const
