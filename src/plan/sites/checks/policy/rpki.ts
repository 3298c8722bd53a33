import { isUnicast } from '../../../../net/bogons.ts'
import { parseAddress } from '../../../../net/prefix.ts'
import { formatDuration } from '../../../../text/duration.ts'
import type { FleetDraft } from '../../drafts.ts'
import { error, type Finding, warning } from '../../finding.ts'

type RpkiDraft = NonNullable<FleetDraft['rpki']>

/** The caches and their timers, against each other. */
export function checkRpki(file: string, rpki: RpkiDraft | undefined): Finding[] {
  if (rpki === undefined) return []
  return [...checkCaches(file, rpki), ...checkTimers(file, rpki)]
}

function checkCaches(file: string, rpki: RpkiDraft): Finding[] {
  const caches = rpki.caches ?? []
  const findings: Finding[] = []
  if (caches.length === 1) {
    const meanwhile =
      rpki.atExpiry === 'accept' ? 'invalid routes are accepted' : 'routes are validated against old data'
    findings.push(
      warning(
        file,
        ['rpki', 'caches'],
        `there is a single RPKI cache: while it does not answer, ${meanwhile}`,
        'add a second one on another machine',
      ),
    )
  }
  const lastGood = nameOf(rpki.lastGood)
  const seen = new Set<string>()
  for (const [index, cache] of caches.entries()) {
    const path = ['rpki', 'caches', index]
    const name = nameOf(cache)
    const address = cache?.host === undefined ? null : parseAddress(cache.host)
    if (address?.ok === true && !isUnicast(address.value)) {
      findings.push(
        error(
          file,
          [...path, 'host'],
          `${address.value} cannot be the address of a server`,
          'write the cache’s own address or name',
        ),
      )
    }
    if (name === null) continue
    if (seen.has(name)) {
      findings.push(error(file, path, `${name} is in this list twice`, 'name two caches on two machines'))
    } else if (name === lastGood && rpki.atExpiry === 'last-good') {
      findings.push(
        error(
          file,
          path,
          `${name} is rpki.lastGood, which is used when no cache answers`,
          'name a cache that validates, or give lastGood another port',
        ),
      )
    }
    seen.add(name)
  }
  return findings
}

function nameOf(server: RpkiDraft['lastGood']): string | null {
  return server?.host === undefined || server.port === undefined
    ? null
    : `${server.host.toLowerCase()} port ${server.port}`
}

/** RFC 8210, section 6: expire outlasts the other two, otherwise data is dropped without a failure. */
function checkTimers(file: string, { refresh, retry, expire }: RpkiDraft): Finding[] {
  const findings: Finding[] = []
  if (expire === undefined) return []
  const shown = formatDuration(expire)
  if (refresh !== undefined && expire < refresh) {
    findings.push(
      error(
        file,
        ['rpki', 'expire'],
        `${shown} is shorter than refresh, ${formatDuration(refresh)}: the data would be dropped before the cache is queried again`,
        `write ${formatDuration(Math.max(2 * refresh, 600_000))}, or a shorter refresh`,
      ),
    )
  }
  if (retry !== undefined && retry > expire) {
    findings.push(
      error(
        file,
        ['rpki', 'retry'],
        `${formatDuration(retry)} is longer than expire, ${shown}: after one failure the data would be dropped before the cache is queried again`,
        `write ${shown} or less`,
      ),
    )
  }
  return findings
}
