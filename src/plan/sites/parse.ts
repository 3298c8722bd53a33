import type * as z from 'zod'
import { count } from '../../text/count.ts'
import type { Issue } from '../../text/issue.ts'
import { formatPath, type Path } from '../../text/wording.ts'
import { assembleFleet } from './assemble.ts'
import { checkFleet } from './checks/fleet.ts'
import { checkMaintenance } from './checks/maintenance.ts'
import { checkNodes } from './checks/nodes.ts'
import { checkRemote } from './checks/remote.ts'
import { checkRescue } from './checks/rescue.ts'
import { checkRollout } from './checks/rollout.ts'
import { checkServices } from './checks/services.ts'
import type { Drafts, ReadExtra } from './drafts.ts'
import { explainIssues } from './explain.ts'
import type { FleetFileText } from './file-text.ts'
import type { Finding } from './finding.ts'
import type { Fleet } from './fleet.ts'
import { type Draft, draftOf } from './schema/draft.ts'
import { type FleetFile, fleetFileSchema } from './schema/fleet-file.ts'
import { type SiteFile, siteFileSchema } from './schema/site-file.ts'
import { readSource, type Source } from './yaml/source.ts'

export interface ParsedFleet {
  /** `null` exactly if an issue has the severity `error`. */
  readonly fleet: Fleet | null
  readonly issues: readonly Issue[]
}

const mostIssuesPerFile = 200
const fleetDraftSchema = draftOf(fleetFileSchema)
const siteDraftSchema = draftOf(siteFileSchema)

/**
 * Reads `fleet.yaml` (found by its base name) and one file per site, and reports all problems at once.
 * @param readExtra reads the files that `extra` of a node names
 */
export function parseFleet(files: readonly FleetFileText[], readExtra: ReadExtra = noFile): ParsedFleet {
  const findings: Finding[] = []
  const places = new Map<string, Source['place']>()
  let fleetFile: { source: Source; value: FleetFile } | null = null
  let fleetDraft: Drafts['fleet'] = null
  const siteFiles: SiteFile[] = []
  const siteDrafts: Drafts['sites'][number][] = []
  let complete = true
  if (files.every((file) => !isFleetFile(file.name) && !('problem' in file))) {
    findings.push({
      severity: 'error',
      file: 'fleet.yaml',
      path: [],
      message: 'there is no such file',
      hint: null,
    })
    complete = false
  }

  for (const file of files) {
    const source = openSource(file, findings)
    if (source === null) {
      complete = false
      continue
    }
    places.set(file.name, source.place)
    if (isFleetFile(file.name)) {
      const read = readFile(source, fleetFileSchema, fleetDraftSchema, findings)
      if (read.value !== null) fleetFile = { source, value: read.value }
      else complete = false
      if (read.draft !== null) fleetDraft = { file: file.name, value: read.draft }
    } else {
      const read = readFile(source, siteFileSchema, siteDraftSchema, findings)
      if (read.value !== null) siteFiles.push(read.value)
      else complete = false
      if (read.draft !== null) siteDrafts.push({ file: file.name, value: read.draft })
    }
  }

  const drafts: Drafts = { fleet: fleetDraft, sites: siteDrafts, complete, readExtra }
  findings.push(
    ...checkFleet(drafts),
    ...checkServices(drafts),
    ...checkNodes(drafts),
    ...checkMaintenance(drafts),
    ...checkRollout(drafts),
    ...checkRemote(drafts),
    ...checkRescue(drafts),
  )
  const isValid = findings.every(({ severity }) => severity !== 'error')
  let issues: readonly Issue[] | null = null
  return {
    fleet: isValid && fleetFile !== null ? assembleFleet(fleetFile.value, siteFiles, readExtra) : null,
    // Worked out when they are read: a plan does not ask where the warnings of a thousand sites are.
    get issues() {
      issues ??= toIssues(findings, files, places)
      return issues
    },
  }
}

function noFile(name: string): FleetFileText {
  return { name, problem: 'cannot be read here', hint: null }
}

export function isFleetFile(name: string): boolean {
  return /(?:^|\/)fleet\.yaml$/.test(name)
}

function openSource(file: FleetFileText, findings: Finding[]): Source | null {
  if ('problem' in file) {
    findings.push({ severity: 'error', file: file.name, path: [], message: file.problem, hint: file.hint })
    return null
  }
  const read = readSource(file.name, file.text)
  findings.push(...read.findings)
  return read.source
}

function readFile<T>(
  source: Source,
  schema: z.ZodType<T>,
  draftSchema: z.ZodType<Draft<NoInfer<T>>>,
  findings: Finding[],
): { value: T | null; draft: Draft<T> | null } {
  const result = schema.safeParse(source.value)
  if (result.success) {
    // A complete file is also a draft.
    return { value: result.data, draft: result.data as Draft<T> }
  }
  // Problems of the YAML itself are already reported; zod's issues at the same paths would repeat them.
  const reported = new Set(
    findings.filter(({ file }) => file === source.file).map(({ path }) => formatPath(path)),
  )
  findings.push(
    ...explainIssues(result.error.issues, schema, source).filter(
      ({ path }) => !reported.has(formatPath(path)),
    ),
  )
  return { value: null, draft: readDraft(source.value, result.error.issues, draftSchema) }
}

/** Removes invalid values until the rest is valid, so that one problem does not hide another. */
function readDraft<D>(value: unknown, issues: readonly z.core.$ZodIssue[], schema: z.ZodType<D>): D | null {
  const rest = structuredClone(value)
  let wrong = issues
  for (let round = 0; round < 4; round += 1) {
    for (const issue of wrong) {
      if (issue.path.length === 0 && issue.code !== 'unrecognized_keys') return null
      if (issue.code === 'unrecognized_keys') removeKeys(rest, issue.path as Path, issue.keys)
      else clearValue(rest, issue.path as Path)
    }
    const result = schema.safeParse(rest)
    if (result.success) return result.data
    wrong = result.error.issues
  }
  return null
}

/** Leaves a hole, because the key itself still counts, such as the name of a service. */
function clearValue(root: unknown, path: Path): void {
  const container = containerAt(root, path.slice(0, -1))
  const last = path.at(-1)
  if (container !== null && last !== undefined) container[last] = undefined
}

function removeKeys(root: unknown, path: Path, keys: readonly string[]): void {
  const container = containerAt(root, path)
  for (const key of keys) delete container?.[key]
}

function containerAt(root: unknown, path: Path): Record<string | number, unknown> | null {
  let container = root
  for (const step of path) {
    if (typeof container !== 'object' || container === null) return null
    container = (container as Record<string | number, unknown>)[step]
  }
  return typeof container === 'object' ? (container as Record<string | number, unknown> | null) : null
}

function toIssues(
  findings: readonly Finding[],
  files: readonly FleetFileText[],
  places: ReadonlyMap<string, Source['place']>,
): Issue[] {
  const order = new Map(files.map((file, index) => [file.name, index]))
  const issues = findings.map((finding): Issue => {
    const place = finding.place ??
      places.get(finding.file)?.(finding.path, finding.part ?? 'value') ?? { line: 1, column: 1 }
    return {
      severity: finding.severity,
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a file's name must not move the reader's cursor
      file: finding.file.replace(/[\0-\x1f\x7f-\x9f]/g, '?'),
      line: place.line,
      column: place.column,
      path: formatPath(finding.path),
      message: finding.message,
      hint: finding.hint,
    }
  })
  issues.sort(
    (a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
  )
  return capIssues(issues)
}

/** Limits the issues of one file, so that those of other files stay visible. */
function capIssues(issues: readonly Issue[]): Issue[] {
  const seen = new Map<string, number>()
  // Errors and warnings are counted separately, so that warnings do not displace errors.
  const keyOf = (issue: Issue) => `${issue.severity} ${issue.file}`
  for (const issue of issues) seen.set(keyOf(issue), (seen.get(keyOf(issue)) ?? 0) + 1)
  const kept = new Map<string, number>()
  return issues.flatMap((issue): Issue[] => {
    const key = keyOf(issue)
    const number = (kept.get(key) ?? 0) + 1
    kept.set(key, number)
    if (number <= mostIssuesPerFile) return [issue]
    if (number > mostIssuesPerFile + 1) return []
    const more = seen.get(key)! - mostIssuesPerFile
    return [{ ...issue, path: '', message: `${count(more, issue.severity)} not shown`, hint: null }]
  })
}
