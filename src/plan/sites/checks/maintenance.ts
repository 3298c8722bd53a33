import { type CronTimes, createCronTimes } from '../../../manifest/cron.ts'
import type { Path } from '../../../text/wording.ts'
import { type Drafts, listNodes, listServices, type PlacedNode, type PlacedService } from '../drafts.ts'
import { countOf } from '../fields.ts'
import { error, type Finding, warning } from '../finding.ts'

interface Window {
  readonly file: string
  readonly path: Path
  readonly cron: string
  readonly durationMs: number
  readonly timezone: string
}

/** In milliseconds since 1970. */
interface Span {
  readonly start: number
  readonly until: number
}

const dayMs = 86_400_000
/** The year 2027, an ordinary year: these checks have no clock. */
const yearStart = 1_798_761_600_000
const yearMs = 364 * dayMs
/** More frequent windows are checked for less than a year. */
const mostSpans = 1000
/** No window is longer than a week, so windows without a break for this long count as endless. */
const endlessMs = 31 * dayMs

/** Checks the drain limits, each maintenance calendar on its own, and all calendars together. */
export function checkMaintenance(drafts: Drafts): Finding[] {
  const calendars = new Map<PlacedNode, readonly Window[]>()
  for (const placed of listNodes(drafts)) calendars.set(placed, windowsOf(drafts, placed))
  const spansOf = createSpans()
  const endless = new Set([...calendars.values()].flat().filter((window) => isEndless(spansOf([window]))))
  const reported = new Map([...endless].map((window) => [`${window.file} ${window.path.join('.')}`, window]))
  const findings = [...reported.values()].map(({ file, path }) =>
    error(
      file,
      [...path, 'duration'],
      'each window begins before the previous one ends: the node would never serve',
      'write a shorter duration, or a less frequent cron',
    ),
  )
  const services = listServices(drafts)
  findings.push(...services.flatMap(checkDrain))
  if (!drafts.complete || reported.size > 0) return findings
  return [...findings, ...services.flatMap((service) => checkTogether(service, calendars, spansOf))]
}

function checkDrain({ file, path, service }: PlacedService): Finding[] {
  const { idle, limit } = service.drain ?? {}
  if (idle === undefined || limit === undefined || limit === 0 || idle < limit) return []
  return [
    warning(
      file,
      [...path, 'drain', 'idle'],
      'idle is not below limit: every drain takes the whole limit, even if the traffic has gone',
      'write an idle below the limit, or limit: 0s to withdraw at once',
    ),
  ]
}

function windowsOf({ sites }: Drafts, { file, path, node }: PlacedNode): Window[] {
  const site = sites.find((draft) => draft.file === file)
  return [
    { path: ['maintenance'], entries: site?.value.maintenance },
    { path: [...path, 'maintenance'], entries: node.maintenance },
  ].flatMap(({ path, entries = [] }) =>
    entries.flatMap((entry, index): Window[] => {
      const { cron, duration, timezone } = entry ?? {}
      if (cron === undefined || duration === undefined || timezone === undefined) return []
      return [{ file, path: [...path, index], cron, durationMs: duration, timezone }]
    }),
  )
}

/** A site is out while all of its serving nodes are. Finds a time at which too few sites remain. */
function checkTogether(
  { name, service }: PlacedService,
  calendars: ReadonlyMap<PlacedNode, readonly Window[]>,
  spansOf: (windows: readonly Window[]) => readonly Span[],
): Finding[] {
  const sites = new Map<string, (readonly Window[])[]>()
  for (const [{ file, node }, windows] of calendars) {
    if (node.services?.includes(name)) sites.set(file, [...(sites.get(file) ?? []), windows])
  }
  const written = service.safety?.minSites
  const minSites = written === undefined ? 0 : countOf(written, sites.size)
  if (minSites === 0 || sites.size === 0) return []
  const outs = [...sites].flatMap(([file, nodes]) => {
    const spans = nodes.map(spansOf).reduce(intersect)
    return spans.length === 0 ? [] : [{ file, spans, window: nodes[0]![0]! }]
  })
  const most = sites.size - minSites
  const crowded = findCrowded(
    outs.map(({ spans }) => spans),
    Math.max(0, most),
  )
  if (crowded === null) return []
  const names = crowded.map((index) => outs[index]!.file)
  const last = outs[crowded.at(-1)!]!
  const at = [last.file, last.window.path] as const
  if (sites.size === 1) {
    return [warning(...at, `no other site serves ${name} during this window`, null)]
  }
  const who =
    names.length === sites.size
      ? 'every site that serves'
      : `${names.length} of the ${sites.size} sites that serve`
  return [
    error(
      ...at,
      `${who} ${name} would be in maintenance at the same time (${names.join(', ')}), and minSites is ${minSites}`,
      'move the windows apart',
    ),
  ]
}

/** Which of the lists have a span at a time at which more than `most` have one; `null`: there is no such time. */
function findCrowded(lists: readonly (readonly Span[])[], most: number): number[] | null {
  const edges = lists.flatMap((spans, index) =>
    spans.flatMap(({ start, until }) => [
      { at: start, index, isStart: true },
      { at: until, index, isStart: false },
    ]),
  )
  // What ends when another begins does not overlap it.
  edges.sort((a, b) => a.at - b.at || Number(a.isStart) - Number(b.isStart))
  const open = new Set<number>()
  for (const { index, isStart } of edges) {
    if (!isStart) open.delete(index)
    else if (open.add(index).size > most) return [...open].sort((a, b) => a - b)
  }
  return null
}

function intersect(one: readonly Span[], other: readonly Span[]): readonly Span[] {
  const both: Span[] = []
  let [i, k] = [0, 0]
  while (i < one.length && k < other.length) {
    const [a, b] = [one[i]!, other[k]!]
    const span = { start: Math.max(a.start, b.start), until: Math.min(a.until, b.until) }
    if (span.start < span.until) both.push(span)
    if (a.until < b.until) i += 1
    else k += 1
  }
  return both
}

function isEndless(spans: readonly Span[]): boolean {
  return spans.some(({ start, until }) => until - start > endlessMs)
}

/** Spans in order, without overlap or contact. Computed once per calendar, because nodes share calendars. */
function createSpans(): (windows: readonly Window[]) => readonly Span[] {
  const times = new Map<string, CronTimes>()
  const known = new Map<string, readonly Span[]>()
  return (windows) => {
    const key = windows
      .map(({ cron, durationMs, timezone }) => `${cron} ${durationMs} ${timezone}`)
      .join('\n')
    let spans = known.get(key)
    if (spans === undefined) {
      const runs = windows.flatMap(({ cron, durationMs, timezone }) => {
        const name = `${cron} ${timezone}`
        const cronTimes = times.get(name) ?? createCronTimes(cron, timezone)
        times.set(name, cronTimes)
        return listRuns(cronTimes, durationMs)
      })
      spans = merge(runs)
      known.set(key, spans)
    }
    return spans
  }
}

function listRuns(times: CronTimes, durationMs: number): Span[] {
  const runs: Span[] = []
  let spans = 0
  let begun = yearStart
  let end = yearStart
  for (let start = times.nextAfter(yearStart); start !== null; start = times.nextAfter(start)) {
    if (start > yearStart + yearMs || spans > mostSpans || end - begun > endlessMs) break
    if (start > end || runs.length === 0) {
      spans += 1
      begun = start
    }
    end = start + durationMs
    runs.push({ start, until: end })
  }
  return runs
}

function merge(runs: readonly Span[]): Span[] {
  const merged: { start: number; until: number }[] = []
  for (const { start, until } of runs.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last !== undefined && start <= last.until) last.until = Math.max(last.until, until)
    else merged.push({ start, until })
  }
  return merged
}
