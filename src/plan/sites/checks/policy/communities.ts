import type { Community } from '../../../../net/community.ts'
import type { Path } from '../../../../text/wording.ts'
import { type Finding, warning } from '../../finding.ts'
import { checkTwice } from '../twice.ts'

/** Well-known communities that take a prefix out of service, which is rarely intended permanently. */
const drastic: Readonly<Record<string, string>> = {
  '65535:0': 'graceful-shutdown asks the neighbor to prefer any other path (RFC 8326)',
  '65535:666': 'blackhole asks the neighbor to drop all traffic for our prefixes (RFC 7999)',
  '65535:65282': 'no-advertise asks the neighbor not to advertise the route (RFC 1997)',
}

export function checkCommunities(
  file: string,
  path: Path,
  communities: readonly (Community | undefined)[] | undefined,
): Finding[] {
  return [
    ...checkTwice(file, path, communities),
    ...(communities ?? []).flatMap((community, index): Finding[] => {
      const why = drastic[String(community)]
      return why === undefined
        ? []
        : [warning(file, [...path, index], why, 'leave it out unless this is intended')]
    }),
  ]
}
