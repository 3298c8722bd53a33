import type { Fleet } from '../../plan/sites/fleet.ts'
import { FleetFolderError } from '../../plan/sites/folder-error.ts'
import { loadFleet } from '../../plan/sites/load.ts'
import { count } from '../../text/count.ts'
import { formatIssue, type Issue } from '../../text/issue.ts'
import { CommandError, exitCode } from '../failure.ts'
import { withProgress } from '../terminal/progress.ts'

export async function validate({ sites, json = false }: { sites: string; json?: boolean }): Promise<void> {
  const { fleet, issues } = await withProgress({ lines: 'slow' }, (progress) => {
    progress.step(`read ${sites}`)
    return loadFleet(sites)
  }).catch((error: unknown) => {
    if (!(error instanceof FleetFolderError)) throw error
    if (json) printJson(false, [folderIssue(error)])
    throw new CommandError(error.message, { hint: 'name the folder with --sites DIR', cause: error })
  })
  if (json) printJson(fleet !== null, issues)
  else printText(fleet, issues, sites)
  if (fleet === null) process.exitCode = exitCode.findings
}

function printJson(ok: boolean, issues: readonly Issue[]): void {
  process.stdout.write(`${JSON.stringify({ ok, issues }, null, 2)}\n`)
}

function printText(fleet: Fleet | null, issues: readonly Issue[], sites: string): void {
  const lines = issues.map(formatIssue)
  const errors = issues.filter((issue) => issue.severity === 'error').length
  const warnings = issues.length - errors
  if (issues.length > 0) lines.push('')
  if (fleet === null) {
    const found =
      warnings === 0 ? count(errors, 'error') : `${count(errors, 'error')}, ${count(warnings, 'warning')}`
    const files = new Set(issues.map((issue) => issue.file)).size
    lines.push(
      `${sites}: ${found} in ${count(files, 'file')}. Nothing was changed: fix the errors, then validate again.`,
    )
  } else {
    lines.push(
      `${sites}: ${warnings === 0 ? '' : `${count(warnings, 'warning')}, but `}valid: ${describeFleet(fleet)}.`,
    )
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

function describeFleet(fleet: Fleet): string {
  const nodes = fleet.sites.flatMap((site) => site.nodes)
  const neighbors = nodes.flatMap((node) => node.neighbors)
  return [
    count(fleet.sites.length, 'site'),
    count(nodes.length, 'node'),
    count(neighbors.length, 'neighbor'),
    count(fleet.services.length, 'service'),
  ].join(', ')
}

function folderIssue({ dir, reason }: FleetFolderError): Issue {
  return {
    severity: 'error',
    file: dir,
    line: 1,
    column: 1,
    path: '',
    message: `cannot be read: ${reason}`,
    hint: 'name the folder with --sites DIR',
  }
}
