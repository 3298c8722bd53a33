import { join } from 'node:path'
import { digestOf, filesToCopy, loadBundle } from '../../../bundle/read.ts'
import { type Installed, type RolloutTransport, TransportError } from '../../../change/transport.ts'
import { compareBundles, type NodeComparison } from '../../../manifest/compare/compare.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { OperationError } from '../../../text/operation-error.ts'
import { count } from '../../../text/wording.ts'
import { buildWaves, type Wave } from '../../rollout/waves.ts'
import type { Fleet } from '../../sites/fleet.ts'
import type { Reach } from './reach.ts'

/** A node of the fleet with its new bundle and the installed one. */
export interface PreparedNode {
  readonly node: string
  readonly site: string
  readonly host: string
  readonly services: readonly string[]
  readonly bundleDir: string
  /** The files of the new bundle, the manifest included. */
  readonly files: ReadonlyMap<string, string>
  readonly target: { readonly manifest: Manifest; readonly digest: string }
  readonly former: Installed
  readonly comparison: NodeComparison
}

export interface Prepared {
  readonly nodes: readonly PreparedNode[]
  readonly waves: readonly Wave[]
}

/**
 * Reads the plan's bundles, asks each node for the bundle that it has, and forms the waves. Changes nothing. Throws
 * ConfigError and OperationError.
 */
export async function prepareRollout(fleet: Fleet, out: string, reach: Reach): Promise<Prepared> {
  const planned = []
  for (const { name: site, nodes } of fleet.sites) {
    for (const { name: node, ssh: host, services } of nodes) {
      const dir = join(out, site, node)
      const bundle = await loadBundle(dir)
      const { manifest } = bundle
      const files = filesToCopy(bundle)
      const { bundleDir } = manifest.paths
      if (bundleDir === undefined || manifest.node !== node || manifest.site !== site) {
        throw new OperationError(`${dir} is not the bundle of ${node}`, {
          hint: 'run `anyward plan` again; nothing was changed',
          outcome: 'refused',
        })
      }
      planned.push({
        ...{ node, site, host, services, bundleDir, manifest, files },
        digest: digestOf(bundle),
      })
    }
  }
  const installed = await inspectAll(planned, reach.transport(planned))
  const nodes = planned.map(({ manifest, files, digest, ...rest }): PreparedNode => {
    const former = installed.get(rest.node)!
    const comparison = compareBundles(former.manifest, manifest)
    return { ...rest, files, target: { manifest, digest }, former, comparison }
  })
  const changing = nodes.filter(({ target, former }) => target.digest !== former.digest)
  const waves = buildWaves(fleet.rollout.waves, nodes, new Set(changing.map(({ node }) => node)))
  return { nodes, waves }
}

async function inspectAll(
  targets: readonly { readonly node: string; readonly host: string }[],
  transport: RolloutTransport,
): Promise<ReadonlyMap<string, Installed>> {
  const installed = new Map<string, Installed>()
  const problems: string[] = []
  const queue = targets.values()
  const work = async () => {
    for (const target of queue) {
      try {
        const found = await transport.inspect(target)
        if (found === null)
          problems.push(
            `${target.node} has no bundle yet: install the first one there with \`anyward apply\``,
          )
        else installed.set(target.node, found)
      } catch (error) {
        if (!(error instanceof TransportError)) throw error
        problems.push(error.message)
      }
    }
  }
  await Promise.all(Array.from({ length: 10 }, work))
  if (problems.length > 0) {
    throw new OperationError(
      `${count(problems.length, 'node')} cannot take part:\n    ${problems.join('\n    ')}`,
      {
        hint: 'nothing was changed',
        outcome: 'refused',
      },
    )
  }
  return installed
}
