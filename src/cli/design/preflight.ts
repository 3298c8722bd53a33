import { compileForDebian } from '../../plan/compile/compile-plan.ts'
import { announcementsOf } from '../../plan/compile/own-announcements.ts'
import { loadVrps } from '../../plan/feeds/vrp-source.ts'
import { formatCount, formatSpan } from '../../plan/rpki/assess.ts'
import { type PreflightRow, preflight } from '../../plan/rpki/preflight.ts'
import { describeWarning } from '../../plan/service/describe-warning.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { count } from '../../text/count.ts'
import { exitCode } from '../failure.ts'
import { withProgress } from '../terminal/progress.ts'
import { toCommandError, type VrpFileOptions, vrpSourceOf, warnOfExpired } from './vrp-options.ts'

export async function runPreflight(options: VrpFileOptions & { json?: true }): Promise<void> {
  const fleet = await requireFleet(options.sites)
  const source = vrpSourceOf(options, fleet)
  const nowMs = Date.now()
  // The output changes nothing, so an old file is accepted, with a warning.
  const { vrps, expired, snapshot, warnings } = await withProgress({ lines: 'slow' }, (progress) => {
    progress.step(`read ${source.file}`)
    return loadVrps({ ...source, maxAgeMs: Number.POSITIVE_INFINITY }, { stateDir: null, nowMs })
  }).catch((error: unknown) => {
    throw toCommandError(error)
  })
  for (const warning of warnings) process.stderr.write(`warning: ${describeWarning(warning)}\n`)
  warnOfExpired(source, expired)
  const ageMs = nowMs - snapshot.generatedMs
  if (ageMs > source.maxAgeMs) {
    process.stderr.write(
      `warning: ${source.file} is ${formatSpan(ageMs)} old: the result may be out of date\n`,
    )
  }
  const plan = compileForDebian(fleet)
  const rows = preflight(announcementsOf(plan.nodes, fleet), vrps)
  if (options.json) process.stdout.write(`${JSON.stringify({ announcements: rows }, null, 2)}\n`)
  else process.stdout.write(describe(rows, `${source.file}, ${formatCount(vrps.size)} VRPs`))
  if (rows.some(isInvalid)) process.exitCode = exitCode.findings
}

function isInvalid({ state }: PreflightRow): boolean {
  return state === 'invalid-as' || state === 'invalid-length'
}

const mostNodes = 5

function describe(rows: readonly PreflightRow[], source: string): string {
  const width = Math.max(0, ...rows.map(({ prefix }) => prefix.toString().length))
  const lines = rows.map(({ prefix, origin, state, nodes }) => {
    const shown = nodes.slice(0, mostNodes).join(', ')
    const others = nodes.length > mostNodes ? ` and ${nodes.length - mostNodes} more` : ''
    return `${prefix.toString().padEnd(width)}  AS${origin}  ${state.padEnd(14)}  ${shown}${others}`
  })
  // A VRP that covers two announcements is reported once.
  const findings = new Map(rows.flatMap((row) => row.findings.map((finding) => [finding.message, finding])))
  for (const { severity, message, hint } of findings.values()) {
    lines.push('', `${severity}: ${message}`, `    ${hint}`)
  }
  const invalid = rows.filter(isInvalid).length
  lines.push('', `${count(rows.length, 'announcement')}, ${invalid} invalid (${source})`)
  return `${lines.join('\n')}\n`
}
