import { runIp } from '../ip.ts'
import { parseLinks } from '../link-lines.ts'

/** The interfaces that have each address of this network namespace. Throws RunError. */
export async function findAddresses(): Promise<ReadonlyMap<string, readonly string[]>> {
  const holders = new Map<string, string[]>()
  for (const { name, addresses } of parseLinks(await runIp(['-j', 'addr', 'show'])).values()) {
    for (const address of addresses) holders.set(address, [...(holders.get(address) ?? []), name])
  }
  return holders
}
