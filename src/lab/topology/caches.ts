import { Address } from '../../net/prefix.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { constantAddress } from './addresses.ts'
import type { LabCache } from './model.ts'
import { TopologyError } from './topology-error.ts'

/** Half of the lab's own network, in the shared address space (RFC 6598); the nodes' management addresses are in the other half. */
export const cacheNetwork = '100.127.128.0/17'
const firstAddress = constantAddress('100.127.128.0')
const groupSize = 256
/** Fewer than the connections that `anyward rtr` accepts. */
const nodesPerServer = 100

export const cachePort = 3323

/** The address of a cache, by its place in the fleet's list from 0, for a node, by its index from 1. */
export function cacheAddress(place: number, nodeIndex: number): Address {
  const group = Math.floor((nodeIndex - 1) / nodesPerServer)
  return new Address('ipv4', firstAddress.value + BigInt(group * groupSize + place + 1))
}

/** A server for each of the fleet's caches and for its last good one, and for each hundred nodes. */
export function placeCaches({ rpki }: Fleet, nodes: number): LabCache[] {
  if (rpki === null) return []
  const names = rpki.caches.map((_, place) => `cache${place + 1}`)
  if (rpki.atExpiry === 'last-good') names.push('last-good')
  if (names.length >= groupSize - 1) throw new TopologyError(`the lab has room for ${groupSize - 2} caches`)
  const caches: LabCache[] = []
  for (let first = 1; first <= nodes; first += nodesPerServer) {
    const suffix = first === 1 ? '' : `-${caches.length / names.length + 1}`
    const group = names.map((name, place) => ({
      name: `${name}${suffix}`,
      address: cacheAddress(place, first),
    }))
    caches.push(...group)
  }
  return caches
}
