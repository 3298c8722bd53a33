import type { Fleet, Service } from '../../plan/sites/fleet.ts'

/** IFNAMSIZ is 16, with the closing zero. */
const maxInterfaceLength = 15

/** wireguard-go's control sockets share one folder on the whole machine, so `wg0` of node 3 is `wg0n3`. */
export function uniqueInterface(fleet: Fleet, service: Service, nodeIndex: number): string {
  const suffix = `n${nodeIndex}`
  const shorten = (name: string) => name.slice(0, maxInterfaceLength - suffix.length)
  const name = service.wireguard.interface
  const clashes = fleet.services.some(
    (other) => other !== service && shorten(other.wireguard.interface) === shorten(name),
  )
  return clashes ? `w${fleet.services.indexOf(service)}${suffix}` : `${shorten(name)}${suffix}`
}

/** Unix sockets lie in these folders, and their paths end at 107 bytes. */
export const maxFolderLength = 40

/** Hands out names of at most that length, each once: a name taken already gets a number. */
export function uniqueNames(maxLength: number): (wanted: string) => string {
  const taken = new Set<string>()
  return (wanted) => {
    let name = wanted.slice(0, maxLength)
    for (let number = 2; taken.has(name); number++) {
      name = `${wanted.slice(0, maxLength - String(number).length - 1)}-${number}`
    }
    taken.add(name)
    return name
  }
}
