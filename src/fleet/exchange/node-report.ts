import {
  list,
  nullable,
  optional,
  part,
  pattern,
  plainText,
  readJson,
  whole,
  word,
  yesNo,
} from '../../text/shape.ts'

/** What a node says of itself to people, in its key `status/SITE/NODE`. No permit depends on it. */
export interface NodeReport {
  /** Of its bundle; `null`: it is unsigned. */
  readonly serial: number | null
  readonly services: readonly ServiceReport[]
  /** Missing: it probes no other site. */
  readonly remote?: readonly Sighting[]
}

/** Whether a node reaches the endpoint of another one. */
export interface Sighting {
  readonly service: string
  readonly site: string
  readonly node: string
  readonly reached: boolean
}

export interface ServiceReport {
  readonly name: string
  readonly health: 'unknown' | 'healthy' | 'impaired' | 'unhealthy'
  readonly decision: 'announce' | 'degrade' | 'withdraw' | 'hold'
  readonly reason: string
  /** As it observes it at its daemon. */
  readonly announced: readonly {
    readonly neighbor: string
    readonly prefix: string
    readonly degraded: boolean
  }[]
}

export interface DatedReport extends NodeReport {
  /** The node's wall clock when it wrote this, in ms since 1970. */
  readonly clockMs: number
}

/** A value beyond it is not read: every reader keeps those of all nodes. */
export const longestReport = 256 * 2 ** 10

const prefix = pattern(/^[0-9a-f.:]{2,39}\/\d{1,3}$/i, 'is not a prefix', 50)
// Fields that a later version adds are ignored.
const service = part({
  ...{ name: plainText(100), reason: plainText(100) },
  health: word('unknown', 'healthy', 'impaired', 'unhealthy'),
  decision: word('announce', 'degrade', 'withdraw', 'hold'),
  announced: list(part({ neighbor: plainText(100), prefix, degraded: yesNo }), 1000),
})
const sighting = part({
  ...{ service: plainText(100), site: plainText(100), node: plainText(100) },
  reached: yesNo,
})
export const mostSightings = 1000
const report = part({
  clockMs: whole(0, Number.MAX_SAFE_INTEGER),
  serial: nullable(whole(0, Number.MAX_SAFE_INTEGER)),
  services: list(service, 100),
  remote: optional(list(sighting, mostSightings)),
})

/** `null`: too long, or not as expected. */
export function readReport(text: string): DatedReport | null {
  return text.length > longestReport ? null : readJson(report, text)
}
