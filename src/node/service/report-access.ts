import type { ListenerOptions } from '../../control/listener.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'

/** Logs and counts who was refused, and keeps whether orders are taken, for the status. */
export function reportAccess(
  { access }: Pick<Manifest, 'access'>,
  { say, metrics }: { readonly say: Say; readonly metrics: Metrics },
): Required<Pick<ListenerOptions, 'onAccess' | 'onWrongToken'>> & { status(): NodeStatus['access'] } {
  let state: NodeStatus['access'] = null
  return {
    onAccess(found) {
      if (access?.tokensFile == null && access?.tls == null) return
      const before = state?.problem ?? null
      state = found
      if (found.problem === before) return
      const facts = { event: 'access', cause: found.problem }
      if (found.problem === null)
        say('info', facts, 'the files of controller.tokensFile and controller.tls can be used')
      else say('error', facts, `the page does not do what it should: ${found.problem}`)
    },
    onWrongToken(from) {
      metrics.wrongTokens.inc()
      say('warn', { event: 'wrong-token', from }, `a request from ${from} had a token that is not known here`)
    },
    status: () => state,
  }
}
