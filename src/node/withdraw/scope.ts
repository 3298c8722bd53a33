import type { Manifest } from '../../manifest/manifest.ts'

/** The prefixes of `services`, without those that another service shares. */
export function prefixesOf(manifest: Manifest, services: ReadonlySet<string>): ReadonlySet<string> {
  return only(manifest, services, ({ prefixes }) => prefixes)
}

/** The anycast addresses of `services`, without those that another service shares. */
export function addressesOf(manifest: Manifest, services: ReadonlySet<string>): string[] {
  return [...only(manifest, services, ({ anycast }) => anycast)]
}

/** The UDP ports of `services`, without those that another service shares. */
export function portsOf(manifest: Manifest, services: ReadonlySet<string>): ReadonlySet<number> {
  return only(manifest, services, ({ wireguard }) => [wireguard.port])
}

function only<T>(
  manifest: Manifest,
  services: ReadonlySet<string>,
  pick: (service: Manifest['services'][number]) => readonly T[],
): ReadonlySet<T> {
  const shared = new Set(manifest.services.filter(({ name }) => !services.has(name)).flatMap(pick))
  return new Set(
    manifest.services
      .filter(({ name }) => services.has(name))
      .flatMap(pick)
      .filter((item) => !shared.has(item)),
  )
}
