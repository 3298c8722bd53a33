import { type Endpoint, formatEndpoint } from '../wireguard/endpoint-socket.ts'
import type { ExchangeFailure } from '../wireguard/exchange.ts'
import { wordsOfDiagnosis } from './diagnose.ts'
import type { DiagnosisShare } from './diagnosis-watch.ts'
import type { ProbeResult } from './result.ts'

/** What a failed question means for the endpoint. */
export function judge(
  check: 'handshake' | 'ping',
  endpoint: Endpoint,
  outcome: ExchangeFailure,
  diagnosis: DiagnosisShare | null,
): ProbeResult {
  const detail = `${formatEndpoint(endpoint)} ${outcome.detail}`
  const { cause } = outcome
  if (cause === 'under-load' || cause === 'starved' || cause === 'closed') {
    return { outcome: 'inconclusive', cause, detail }
  }
  const diagnosed = cause === 'no-reply' ? (diagnosis?.cause() ?? null) : null
  if (diagnosed === null) return { outcome: 'bad', check, cause, detail }
  return { outcome: 'bad', check, cause: diagnosed, detail: `${detail}: ${wordsOfDiagnosis[diagnosed]}` }
}
