import { styleText } from 'node:util'
import type { SessionChange } from '../../manifest/compare/compare.ts'
import { describeWorld } from '../../plan/compile/world.ts'
import type { NodeReport, PlanReport, PlanResult } from '../../plan/service/plan-fleet.ts'
import { formatTextDiff } from '../../plan/service/text-diff.ts'
import { hasColor } from '../../text/color.ts'
import { count } from '../../text/count.ts'

type Planned = Extract<PlanResult, { outcome: 'written' | 'refused' }>

export function printPlanJson(result: Planned): void {
  const { report } = result
  const document = {
    written: result.outcome === 'written',
    world: describeWorld(report.nodes),
    nodes: report.nodes.map(({ site, node, daemon, files, change, effect, why, sessions }) => ({
      ...{ site, node, daemon, files, change, effect, why },
      sessions: sessions.map((session) => ({
        neighbor: session.neighbor,
        effect: session.effect,
        why: session.why,
        rules: session.rules,
      })),
    })),
    announcements: report.nodes.flatMap(({ announcements }) => announcements),
    removed: report.removed,
    services: report.coverage,
    notices: report.notices,
    ...(result.outcome === 'refused' ? { refused: result.short } : {}),
  }
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

/** Changes in routing, the cost at each node, then the differences of the files. */
export function printPlan(result: Planned, options: { out: string; check: boolean; diff: boolean }): void {
  const { report } = result
  const lines = [...describeWorld(report.nodes), ...describeRemoved(report)]
  if (lines.length > 0) lines.push('')
  lines.push(...describeNodes(report.nodes))
  if (options.diff) lines.push(...diffFiles(report.nodes))
  lines.push(...describeNotices(report))
  if (result.outcome === 'written') {
    const checked = options.check ? ', each accepted by its daemon’s own parser' : ''
    lines.push(`${count(report.nodes.length, 'bundle')} in ${options.out}${checked}`)
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** A notice of several neighbors is printed once. */
function describeNotices({ notices }: PlanReport): string[] {
  const byMessage = new Map<string, string[]>()
  for (const { node, neighbor, message } of notices) {
    const whom = byMessage.get(message) ?? []
    byMessage.set(message, whom)
    if (node !== null) whom.push(neighbor === null ? node : `${node} ${neighbor}`)
  }
  return [...byMessage].map(
    ([message, whom]) => `note: ${whom.length === 0 ? '' : `${whom.join(', ')}: `}${message}`,
  )
}

function describeRemoved({ removed }: PlanReport): string[] {
  return removed.map(
    ({ node, dir }) =>
      `${node} is no longer in the sites: its bundle stays in ${dir}; drain and stop it first, then delete that folder`,
  )
}

function describeNodes(nodes: readonly NodeReport[]): string[] {
  const width = nodes.reduce((most, { node }) => Math.max(most, node.length), 0)
  return nodes.flatMap((node) => [
    `${node.node.padEnd(width)}  ${node.daemon.padEnd(4)}  ${node.change.padEnd(7)}  ${describeEffect(node)}`,
    ...(node.change === 'changed' ? [...node.sessions.map(describeSession), ...node.why.map(indent)] : []),
  ])
}

function describeEffect({ change, effect }: NodeReport): string {
  if (change === 'new') return 'sessions start'
  if (change === 'same') return 'nothing to do'
  if (effect === 'none') return 'takes effect without a reload, sessions stay up'
  return effect === 'reload' ? 'a reload, sessions stay up' : 'sessions restart'
}

const sessionVerbs: Readonly<Record<SessionChange['effect'], string>> = {
  none: 'is unchanged',
  reload: 'reloads',
  'session-restart': 'restarts',
  start: 'starts',
  end: 'ends',
}

function describeSession({ neighbor, effect, why }: SessionChange): string {
  return indent(`session ${neighbor} ${sessionVerbs[effect]}${why.length === 0 ? '' : `: ${why.join('; ')}`}`)
}

function indent(line: string): string {
  return `  ${line}`
}

function diffFiles(nodes: readonly NodeReport[]): string[] {
  return nodes.flatMap(({ site, node, change, changedFiles }) =>
    // A node without an earlier bundle has no diff: its files are all new.
    change === 'new'
      ? []
      : changedFiles.flatMap(({ path, before, after }) => [
          '',
          ...formatTextDiff(`${site}/${node}/${path}`, before, after).trimEnd().split('\n').map(colorLine),
          '',
        ]),
  )
}

function colorLine(line: string): string {
  const color = line.startsWith('@@')
    ? 'cyan'
    : line.startsWith('+') && !line.startsWith('+++')
      ? 'green'
      : line.startsWith('-') && !line.startsWith('---')
        ? 'red'
        : null
  if (color === null || !hasColor(process.stdout, process.env)) return line
  return styleText(color, line, { validateStream: false })
}
