import type { ManifestService } from '../../../manifest/manifest.ts'
import { Deadline } from '../../wireguard/deadline.ts'
import { formatEndpoint } from '../../wireguard/endpoint-socket.ts'
import type { InnerOutcome } from '../../wireguard/inner/conversations.ts'
import { ipRoute } from '../../wireguard/inner/ip.ts'
import type { ProbeResult } from '../result.ts'
import { bad, createSideProbe, good, inconclusive, type SideVerdict } from './create-side-probe.ts'
import { askTarget } from './egress/question.ts'
import type { EgressReply } from './egress/reply.ts'
import type { SideProbe } from './side-check.ts'

type EgressSettings = NonNullable<ManifestService['probe']['egress']>
type Target = EgressSettings['targets'][number]

/** The tunnel for the requests: the endpoint's probe. */
export interface EgressTunnel {
  exchange<Reply>(
    packet: Buffer,
    read: (inner: Buffer) => Reply | null,
    deadline: Deadline,
  ): Promise<InnerOutcome<Reply>>
  tell(packet: Buffer): void
  runCycle(): Promise<ProbeResult>
}

/**
 * Probes the targets beyond the gateway through the tunnel, as a client. `source` is the probe's own tunnel
 * address. If too few targets answer, the endpoint is probed once more, within its own timeout: if it is down,
 * the egress is unknown.
 */
export function createEgressProbe(settings: EgressSettings, source: string, tunnel: EgressTunnel): SideProbe {
  const targets = settings.targets.map((target) => ({
    target,
    route: ipRoute({ source, target: target.address }),
  }))

  const ask = async (signal: AbortSignal): Promise<SideVerdict> => {
    const deadline = new Deadline(settings.timeoutMs)
    try {
      const answers = await Promise.all(
        targets.map(async ({ target, route }) => {
          const outcome = await askOne(tunnel, askTarget(route, target), deadline)
          if (outcome.ok && outcome.reply.ok && outcome.reply.farewell !== null)
            tunnel.tell(outcome.reply.farewell)
          return { target, outcome }
        }),
      )
      const verdict = judge(answers, settings.need)
      return verdict.outcome === 'bad' && !signal.aborted ? await confirm(verdict, tunnel) : verdict
    } finally {
      deadline.cancel()
    }
  }
  return createSideProbe({ check: 'egress', intervalMs: settings.intervalMs, ask })
}

/** An ICMP error is the outcome only if the target itself does not answer in time. */
async function askOne(
  tunnel: EgressTunnel,
  { packet, read }: ReturnType<typeof askTarget>,
  deadline: Deadline,
): Promise<InnerOutcome<EgressReply>> {
  let error: EgressReply | null = null
  const readAnswer = (inner: Buffer) => {
    const reply = read(inner)
    if (reply === null || reply.ok || !reply.forgeable) return reply
    error ??= reply
    return null
  }
  const outcome = await tunnel.exchange(packet, readAnswer, deadline)
  const isSilent = !outcome.ok && outcome.cause === 'no-reply'
  return isSilent && error !== null ? { ok: true, ms: deadline.timeoutMs, reply: error } : outcome
}

async function confirm(verdict: SideVerdict, tunnel: EgressTunnel): Promise<SideVerdict> {
  const cycle = await tunnel.runCycle()
  return cycle.outcome === 'good'
    ? verdict
    : inconclusive('endpoint-down', `the egress is unknown: the endpoint ${cycle.detail}`)
}

interface Answer {
  readonly target: Target
  readonly outcome: InnerOutcome<EgressReply>
}

function judge(answers: readonly Answer[], need: number): SideVerdict {
  const failures = answers.flatMap(({ target, outcome }) => {
    const { ok, ...failure } = outcome.ok ? outcome.reply : outcome
    return ok || !('cause' in failure) ? [] : [{ target, ...failure }]
  })
  const answered = answers.length - failures.length
  const counts = `${answered} of ${answers.length} targets answered`
  const names = failures.map(({ target, detail }) => `${nameTarget(target)} ${detail}`)
  if (answered >= need) return good([counts, ...names].join('; '))
  const unasked = failures.find(({ cause }) => cause !== 'no-reply' && !cause.startsWith('egress-'))
  if (unasked !== undefined) return inconclusive(unasked.cause, `the probe ${unasked.detail}`)
  const { cause } = failures[0]!
  return bad(
    cause === 'no-reply' ? 'egress-no-reply' : cause,
    `${counts}, ${need} needed; ${names.join('; ')}`,
  )
}

function nameTarget({ protocol, address, port }: Target): string {
  const where = port === null ? address : formatEndpoint({ address, port })
  return `${where} (${protocol})`
}
