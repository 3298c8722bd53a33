export const neighborKinds = ['transit', 'peer', 'route-server', 'provider-private', 'tor', 'ibgp'] as const
export type NeighborKind = (typeof neighborKinds)[number]

/** `full`: all that passes the filters. `own-prefixes`: ours, from our other nodes. */
export const importWords = ['nothing', 'default-only', 'own-prefixes', 'full'] as const
export type ImportWord = (typeof importWords)[number]

/** Our side's role in the session (RFC 9234, section 3). */
export const roleWords = ['customer', 'provider', 'peer', 'rs-client', 'rs-server'] as const
export type RoleWord = (typeof roleWords)[number]

export const troubleActions = ['withdraw', 'degrade'] as const
export type TroubleAction = (typeof troubleActions)[number]

/** Checks without which nothing can be served: what fails them is dead. */
export const vitalChecks = ['interface', 'address', 'handshake', 'ping'] as const
/** Checks of what lies behind the endpoint: what fails them is impaired. Each is run at an interval of its own. */
export const sideChecks = ['egress', 'command', 'peers', 'conntrack'] as const
export const checkNames = [...vitalChecks, ...sideChecks] as const
export type SideCheck = (typeof sideChecks)[number]
export type CheckName = (typeof checkNames)[number]

export const egressProtocols = ['icmp', 'dns', 'tcp'] as const
