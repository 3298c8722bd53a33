import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  type BundlePlace,
  findStaleSignature,
  listBundles,
  manifestName,
  readEarlierBundle,
} from '../../bundle/read.ts'
import { type BundleToWrite, writeBundles } from '../../bundle/write.ts'
import { writeFileAtomically } from '../../files/atomic-file.ts'
import { hashOf } from '../../files/hash.ts'
import type { MissingProgram } from '../../linux/programs.ts'
import { compareBundles, type NodeComparison } from '../../manifest/compare/compare.ts'
import { daemonNames } from '../../manifest/daemon-kinds.ts'
import { describeVersions } from '../../manifest/daemon-versions.ts'
import { type Manifest, requireManifest } from '../../manifest/manifest.ts'
import { count } from '../../text/count.ts'
import { compileForDebian } from '../compile/compile-plan.ts'
import { coverageOf, type ServiceCoverage } from '../compile/coverage.ts'
import type { PlanFeeds } from '../compile/feeds.ts'
import type { NodePlan, Notice, Plan } from '../compile/plan.ts'
import { describeScrapeTargets } from '../compile/scrape-targets.ts'
import { createRenderer, type Renderer } from '../render/render.ts'
import type { Fleet } from '../sites/fleet.ts'
import { renderWithManifest } from './render-bundle.ts'
import { loadTemplates } from './templates.ts'

export interface PlanRequest {
  readonly fleet: Fleet
  readonly feeds: PlanFeeds
  /** Bundles go to `<out>/<site>/<node>/`. */
  readonly out: string
  /** Whether each daemon's own parser loads its bundle first. */
  readonly check: boolean
  /** Write nothing if a service would be announced at fewer sites. */
  readonly refuseBelow: number | null
  /** What it does now. */
  readonly onStep?: (step: string) => void
}

export interface PlanReport {
  /** Sorted by site, then by node. */
  readonly nodes: readonly NodeReport[]
  /** Bundles of nodes that the fleet no longer has. They are not deleted. */
  readonly removed: readonly BundlePlace[]
  readonly coverage: readonly ServiceCoverage[]
  readonly notices: readonly Notice[]
}

export interface NodeReport extends NodeComparison {
  readonly dir: string
  /** SHA-256 of its manifest. */
  readonly digest: string
  /** All files of the bundle, the manifest last. */
  readonly files: readonly string[]
  /** The daemon's files that differ from the earlier bundle; empty without one: the text of a new fleet takes 30 MB. */
  readonly changedFiles: readonly ChangedFile[]
}

interface ChangedFile {
  readonly path: string
  /** `null`: there was none. */
  readonly before: string | null
  /** `null`: it is deleted. */
  readonly after: string | null
}

/** Only `written` has changed files. */
export type PlanResult =
  | { readonly outcome: 'written'; readonly report: PlanReport }
  | { readonly outcome: 'refused'; readonly report: PlanReport; readonly short: readonly ServiceCoverage[] }
  | {
      readonly outcome: 'rejected'
      readonly node: string
      readonly daemon: Manifest['daemon']
      readonly complaints: readonly string[]
    }
  | { readonly outcome: 'unchecked'; readonly node: string; readonly missing: readonly MissingProgram[] }

/**
 * Plans a fleet and writes its bundles, all or none. The same fleet and feeds give the same bytes.
 * Throws the system's error if the folder cannot be written.
 */
export async function planFleet(request: PlanRequest): Promise<PlanResult> {
  const { fleet, out } = request
  const plan = compileForDebian(fleet, request.feeds)
  const render = createRenderer(await loadTemplates())
  const coverage = coverageOf(fleet, plan)
  const short = coverage.filter(({ sites }) => sites.length < (request.refuseBelow ?? 0))
  const notices = [...plan.notices]
  const refusal =
    short.length === 0 && request.check ? await checkAll(render, plan, notices, request.onStep) : null
  if (refusal !== null) return refusal
  // Before the first folder is created.
  const removed = findRemoved(out, plan)
  request.onStep?.(`write ${count(plan.nodes.length, 'bundle')}`)
  const draftAll = async (stage: (draft: BundleToWrite) => void): Promise<PlanReport> => {
    const nodes: NodeReport[] = []
    for (const [index, node] of plan.nodes.entries()) {
      const { toWrite, report } = draftNode(join(out, node.site, node.node), renderWithManifest(render, node))
      stage(toWrite)
      nodes.push(report)
      // The planner answers HTTP requests in between.
      if (index % nodesBetweenPauses === 0) await setImmediate()
    }
    return { nodes, removed, coverage, notices }
  }
  if (short.length > 0) return { outcome: 'refused', report: await draftAll(() => {}), short }
  const report = await writeBundles(draftAll)
  await writeTargets(join(out, targetsName), describeScrapeTargets(fleet))
  return { outcome: 'written', report }
}

const nodesBetweenPauses = 50

/** Beside the folders of the sites. */
const targetsName = 'prometheus-targets.json'

/** Prometheus reads the file again whenever it is written. */
async function writeTargets(path: string, text: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => null)
  if (before !== text) await writeFileAtomically(path, text)
}

function draftNode(
  dir: string,
  { files, manifest }: ReturnType<typeof renderWithManifest>,
): { toWrite: BundleToWrite; report: NodeReport } {
  const names = files.map((file) => file.path)
  const contents = new Map(files.map((file) => [file.path, file.content]))
  const earlier = readEarlierBundle(dir, { contents, manifest })
  const changedFiles =
    earlier.manifest === null
      ? []
      : [...new Set([...names, ...earlier.files.keys()])]
          .filter((path) => path !== manifestName)
          .map((path) => ({
            path,
            before: earlier.files.get(path) ?? null,
            after: contents.get(path) ?? null,
          }))
          .filter(({ before, after }) => before !== after)
  const digest = hashOf(contents.get(manifestName)!)
  const toWrite = {
    dir,
    files: files.filter(({ path, content }) => earlier.files.get(path) !== content),
    obsolete: [
      ...changedFiles.filter(({ after }) => after === null).map(({ path }) => path),
      ...findStaleSignature(dir, { ...manifest.files, [manifestName]: digest }),
    ],
  }
  const isCompared = earlier.manifest !== null && earlier.manifest !== manifest
  // As a reader sees it, with its keys in the order of the schema.
  const after = isCompared ? requireManifest(JSON.parse(contents.get(manifestName)!)) : manifest
  return {
    toWrite,
    report: { ...compareBundles(earlier.manifest, after), dir, digest, files: names, changedFiles },
  }
}

function findRemoved(out: string, plan: Plan): BundlePlace[] {
  const planned = new Set(plan.nodes.map(({ site, node }) => join(out, site, node)))
  return listBundles(out).filter(({ dir }) => !planned.has(dir))
}

/** @param notices gets one for each node whose daemon is installed here in another version */
async function checkAll(
  render: Renderer,
  plan: Plan,
  notices: Notice[],
  onStep?: (step: string) => void,
): Promise<Extract<PlanResult, { outcome: 'rejected' | 'unchecked' }> | null> {
  // Loaded here: a plan without the check runs no program.
  const { checkBundle } = await import('./check-bundle.ts')
  for (const [index, node] of plan.nodes.entries()) {
    onStep?.(
      `check the configuration of ${node.node} with ${daemonNames[node.daemon].project} (${index + 1} of ${plan.nodes.length})`,
    )
    const result = await checkBundle(render, node)
    if (result.outcome === 'unchecked') {
      return { outcome: 'unchecked', node: node.node, missing: result.missing }
    }
    if (result.outcome === 'other-version') notices.push(uncheckedNotice(node, result.installed))
    if (result.outcome === 'rejected') {
      const { node: name, daemon } = node
      return { outcome: 'rejected', node: name, daemon, complaints: result.complaints }
    }
  }
  return null
}

function uncheckedNotice({ node, daemon, versions }: NodePlan, installed: string): Notice {
  const { project } = daemonNames[daemon]
  const message = `not checked by a parser: the configuration is for ${project} ${describeVersions(versions)} (${versions.because}), and this machine has ${project} ${installed}; apply checks it on the node`
  return { node, neighbor: null, message }
}
