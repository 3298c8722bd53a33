import { Address } from '../../net/prefix.ts'
import { constantAddress } from './addresses.ts'
import type { LabStoreMember } from './model.ts'

/** At the end of the caches' network, to which every node has a route. */
export const storeNetwork = '100.127.255.0/24'
const firstAddress = constantAddress('100.127.255.0')
/** One may fail. */
const memberCount = 3

export function placeStore(takeNamespace: (wanted: string) => string): LabStoreMember[] {
  return Array.from({ length: memberCount }, (_, at) => ({
    name: `store${at + 1}`,
    namespace: takeNamespace(`aw-store${at + 1}`),
    address: new Address('ipv4', firstAddress.value + BigInt(at + 1)),
  }))
}
