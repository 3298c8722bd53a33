import type { NodeView, ServiceView } from '../../change/view.ts'
import type { Promised } from './view.ts'

interface Judged {
  /** Before the change; `null`: no controller ran there. */
  readonly before: NodeView | null
  /** What the bundle promises that the node ran before. */
  readonly former: Promised
  /** What the bundle promises that it is to run. */
  readonly target: Promised
}

/** What is worse than before, or not as planned; empty: the gate is open. */
export function findProblems({ before, former, target }: Judged, now: NodeView | null): string[] {
  if (now === null) return before === null ? [] : ['no controller runs']
  // An undo may differ from what ran before in its serial alone.
  if (now.bundle !== target.digest || now.serial !== target.serial) {
    return ['the controller does not run the bundle']
  }
  return [
    ...checkSessions(before, target, now),
    ...now.services.flatMap((service) => checkHealth(before, service)),
    ...target.services
      .filter((name) => now.services.every((service) => service.name !== name))
      .map((name) => `${name} is missing`),
    ...checkAnnouncements(before, former, target, now),
    ...now.alarms.filter((alarm) => before?.alarms.includes(alarm) !== true),
  ]
}

function checkSessions(before: NodeView | null, { neighbors }: Promised, now: NodeView): string[] {
  const stays = new Set(neighbors.map(({ name }) => name))
  const is = new Map(now.neighbors.map((neighbor) => [neighbor.name, neighbor]))
  return (before?.neighbors ?? []).flatMap(({ name, session, bfd }) => {
    if (session !== 'up' || !stays.has(name)) return []
    const found = is.get(name)
    if (found?.session !== 'up') return [`the session to ${name} is ${found?.session ?? 'missing'}`]
    // A bundle without BFD has `null`.
    return bfd === 'up' && found.bfd !== null && found.bfd !== 'up'
      ? [`BFD with ${name} is ${found.bfd}`]
      : []
  })
}

function checkHealth(before: NodeView | null, service: ServiceView): string[] {
  const { name, health, decision, reason } = service
  const had = before?.services.find((one) => one.name === name)
  const problems: string[] = []
  if (health !== 'healthy' && (had === undefined || had.health === 'healthy')) {
    problems.push(`${name} is ${health} (${reason})`)
  } else if (decision !== 'announce' && (had === undefined || had.decision === 'announce')) {
    problems.push(`${name}: ${decision} (${reason})`)
  }
  return problems
}

function checkAnnouncements(
  before: NodeView | null,
  former: Promised,
  target: Promised,
  now: NodeView,
): string[] {
  const had = announcedBy(before)
  const has = announcedBy(now)
  const promisedBefore = pairsOf(former)
  const promised = pairsOf(target)
  const up = new Set(now.neighbors.filter(({ session }) => session === 'up').map(({ name }) => name))
  const announces = now.services.some(({ decision }) => decision === 'announce')
  const problems: string[] = []
  for (const [pair, { neighbor, prefix }] of promised) {
    const earlier = had.get(pair)
    const isExpected = earlier !== undefined || (!promisedBefore.has(pair) && announces && up.has(neighbor))
    if (!isExpected) continue
    const degraded = has.get(pair)
    if (degraded === undefined) problems.push(`${prefix} is not announced to ${neighbor}`)
    else if (degraded && earlier !== true) problems.push(`${prefix} is announced to ${neighbor} degraded`)
  }
  for (const [pair] of has) {
    if (promised.has(pair)) continue
    const [neighbor, prefix] = pair.split(' ')
    problems.push(`${prefix} is announced to ${neighbor}, which is not planned`)
  }
  return problems
}

/** By neighbor and prefix: whether it is degraded. */
function announcedBy(view: NodeView | null): Map<string, boolean> {
  const announced = (view?.services ?? []).flatMap((service) => service.announced)
  return new Map(announced.map(({ neighbor, prefix, degraded }) => [`${neighbor} ${prefix}`, degraded]))
}

function pairsOf({ neighbors }: Promised): Map<string, { neighbor: string; prefix: string }> {
  return new Map(
    neighbors.flatMap(({ name, prefixes }) =>
      prefixes.map((prefix) => [`${name} ${prefix}`, { neighbor: name, prefix }] as const),
    ),
  )
}
