import { Address, type Family } from '../../net/prefix.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { constantAddress } from './addresses.ts'
import type { LabNode } from './model.ts'

const first = constantAddress('2001:2:0:ffff::')
export const unicastNetwork = `${first}/64`

/** Where other nodes reach a node, on the management network. */
export function unicastOf({ managementAddress, index }: LabNode, family: Family): Address {
  return family === 'ipv4' ? managementAddress.address : new Address('ipv6', first.value + BigInt(index))
}

/** Whether the management network has IPv6 too, at all nodes: any of them may be an observer. */
export function usesIpv6({ sites }: Fleet): boolean {
  return sites.some(({ nodes }) => nodes.some(({ unicast }) => unicast?.family === 'ipv6'))
}
