import { join } from 'node:path'
import { digestOf, type LoadedBundle, listBundles, loadBundle, loadReceived } from '../../../bundle/read.ts'
import { type RolloutTransport, TransportError } from '../../../change/transport.ts'
import { compareBundles, type NodeComparison } from '../../../manifest/compare/compare.ts'
import { count } from '../../../text/count.ts'
import { OperationError } from '../../../text/operation-error.ts'
import { buildWaves, type Wave } from '../../rollout/waves.ts'
import type { Fleet } from '../../sites/fleet.ts'
import type { Reach } from './reach.ts'
import { findPairProblem, type Pair, type Trust } from './undo.ts'

/** A node of the fleet with its new bundle and the installed one. */
export interface PreparedNode extends Pair {
  readonly host: string
  readonly services: readonly string[]
  readonly bundleDir: string
  readonly comparison: NodeComparison
}

export interface Prepared {
  readonly nodes: readonly PreparedNode[]
  /** Those whose bundle changes. */
  readonly changing: readonly PreparedNode[]
  readonly waves: readonly Wave[]
}

/**
 * Reads the plan's bundles, asks each node for the bundle that it has, and forms the waves. Changes nothing. Throws
 * ConfigError and OperationError.
 */
export async function prepareRollout(
  fleet: Fleet,
  out: string,
  reach: Reach,
  trust: Trust,
  onStep?: (step: string) => void,
): Promise<Prepared> {
  requireBundles(fleet, out)
  const planned = []
  for (const { name: site, nodes } of fleet.sites) {
    for (const { name: node, ssh: host, services } of nodes) {
      const dir = join(out, site, node)
      const target = await loadBundle(dir)
      const { manifest } = target
      const { bundleDir } = manifest.paths
      if (bundleDir === undefined || manifest.node !== node || manifest.site !== site) {
        throw new OperationError(`${dir} is not the bundle of ${node}`, {
          hint: 'run `anyward plan` again; nothing was changed',
          outcome: 'refused',
        })
      }
      planned.push({ node, site, host, services, bundleDir, target })
    }
  }
  const installed = await inspectAll(planned, reach.transport(planned), onStep)
  const nodes = planned.map((one): PreparedNode => {
    const former = installed.get(one.node)!
    return { ...one, former, comparison: compareBundles(former.manifest, one.target.manifest) }
  })
  const changing = nodes.filter(({ target, former }) => digestOf(target) !== digestOf(former))
  refuseProblems(changing.flatMap((one) => findPairProblem(one, trust) ?? []))
  const waves = buildWaves(fleet.rollout.waves, nodes, new Set(changing.map(({ node }) => node)))
  return { nodes, changing, waves }
}

/** With each cure once. */
function refuseProblems(
  problems: readonly { readonly message: string; readonly cure: string | null }[],
): void {
  if (problems.length === 0) return
  const messages = problems.map(({ message }) => message)
  const cures = new Set(problems.flatMap(({ cure }) => cure ?? []))
  throw new OperationError(
    `${count(problems.length, 'node')} cannot take part:\n    ${messages.join('\n    ')}`,
    { hint: [...cures, 'nothing was changed'].join('\n    '), outcome: 'refused' },
  )
}

/** Throws OperationError if `out` has no bundle, or none of a node of the fleet. */
export function requireBundles({ sites }: Pick<Fleet, 'sites'>, out: string): void {
  const present = new Set(listBundles(out).map(({ dir }) => dir))
  const missing = sites.flatMap(({ name: site, nodes }) =>
    nodes.flatMap(({ name: node }) => (present.has(join(out, site, node)) ? [] : [node])),
  )
  if (missing.length === 0 && present.size > 0) return
  const message =
    present.size === 0 ? `there is no bundle in ${out}` : `${out} has no bundle of ${missing.join(', ')}`
  const hint = `write the bundles with \`anyward plan --out ${out}\`, or name their folder with --out; nothing was changed`
  throw new OperationError(message, { hint, outcome: 'refused' })
}

async function inspectAll(
  targets: readonly { readonly node: string; readonly host: string; readonly bundleDir: string }[],
  transport: RolloutTransport,
  onStep?: (step: string) => void,
): Promise<ReadonlyMap<string, LoadedBundle>> {
  const installed = new Map<string, LoadedBundle>()
  const problems: { message: string; cure: string | null }[] = []
  const queue = targets.values()
  const work = async () => {
    for (const target of queue) {
      const done = installed.size + problems.length
      onStep?.(`ask the nodes for their bundles: ${done} of ${targets.length} have answered`)
      try {
        const found = await transport.inspect(target)
        if (found === null) {
          problems.push({
            message: `${target.node} has no bundle yet`,
            cure: 'install the first bundle of a node there, with `anyward apply`',
          })
        } else {
          const place = `${target.node}:${target.bundleDir}`
          installed.set(target.node, await loadReceived(place, found.files))
        }
      } catch (error) {
        if (!(error instanceof TransportError)) throw error
        problems.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: 10 }, work))
  refuseProblems(problems)
  return installed
}
