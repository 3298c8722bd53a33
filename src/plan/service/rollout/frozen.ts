import { mkdir, readdir, readFile } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { serialOf } from '../../../bundle/pinned.ts'
import { filesToCopy, type LoadedBundle, loadBundle, manifestName } from '../../../bundle/read.ts'
import { writeFileAtomically } from '../../../files/atomic-file.ts'
import { hashOf } from '../../../files/hash.ts'
import { compareBundles } from '../../../manifest/compare/compare.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import type { Drive } from '../../rollout/engine/engine.ts'
import type { RolloutFiles } from '../../rollout/engine/rollout-files.ts'
import { type NodeFacts, nodesOf, type Rollout } from '../../rollout/rollout.ts'
import type { Promised } from '../../rollout/view.ts'
import type { Fleet } from '../../sites/fleet.ts'
import type { Prepared } from './prepare.ts'
import type { Reach, Way } from './reach.ts'
import type { Pair } from './undo.ts'

/** What a rollout needs of the fleet: it goes on with the fleet and the bundles of its start. */
interface Frozen {
  readonly way: Way
  readonly nodes: readonly {
    readonly node: string
    readonly site: string
    readonly host: string
    readonly services: readonly string[]
    readonly bundleDir: string
  }[]
  readonly minSites: Readonly<Record<string, number>>
}

interface Begin {
  readonly pairs: readonly Pair[]
  readonly fleet: Fleet
  readonly way: Way
}

/** Copies the bundles and the facts of the fleet, and stores the rollout last. */
export async function freeze(
  files: RolloutFiles,
  rollout: Rollout,
  { nodes, pairs, fleet, way }: Pick<Prepared, 'nodes'> & Begin,
): Promise<void> {
  const { id } = rollout
  await savePairs(files, id, pairs)
  const frozen: Frozen = {
    way,
    nodes: nodes.map(({ node, site, host, services, bundleDir }) => ({
      node,
      site,
      host,
      services,
      bundleDir,
    })),
    minSites: Object.fromEntries(fleet.services.map(({ name, safety }) => [name, safety.minSites])),
  }
  await files.saveFleet(id, JSON.stringify(frozen))
  await files.save(rollout)
}

/** How the nodes of a stored rollout are reached. Throws the system's error. */
export async function thawWay(files: RolloutFiles, { id }: Rollout): Promise<Way> {
  return (JSON.parse(await files.readFleet(id)) as Frozen).way
}

/** What each node gets, and what it gets in an undo. */
export async function savePairs(files: RolloutFiles, id: string, pairs: readonly Pair[]): Promise<void> {
  for (const { node, target, former } of pairs) {
    await writeBundle(files.bundleDir(id, 'target', node), target)
    await writeBundle(files.bundleDir(id, 'former', node), former)
  }
}

async function writeBundle(dir: string, bundle: LoadedBundle): Promise<void> {
  await mkdir(dir, { recursive: true })
  for (const [name, text] of filesToCopy(bundle)) await writeFileAtomically(join(dir, name), text)
}

type FromFrozen = Pick<Drive, 'facts' | 'targets' | 'minSites' | 'bundles' | 'transport'>

/** What drives a stored rollout, from its own files alone. Throws ConfigError, and the system's error. */
export async function thaw(files: RolloutFiles, rollout: Rollout, reach: Reach): Promise<FromFrozen> {
  const { id } = rollout
  const { nodes, minSites } = JSON.parse(await files.readFleet(id)) as Frozen
  const bundles = new Map<string, FrozenPair>()
  for (const { node, from, to } of nodesOf(rollout)) {
    bundles.set(node, {
      target: await loadFrozen(files.bundleDir(id, 'target', node), to),
      former: await loadFrozen(files.bundleDir(id, 'former', node), from),
    })
  }
  return {
    facts: nodes.map(({ node, site, services }): NodeFacts => {
      const bundle = bundles.get(node)
      return { node, site, services, change: bundle === undefined ? null : describeChange(bundle) }
    }),
    targets: new Map(nodes.map(({ node, host }) => [node, { node, host }])),
    minSites: new Map(Object.entries(minSites)),
    bundles: (node) => bundles.get(node)!,
    transport: reach.transport(nodes),
  }
}

interface FrozenBundle {
  readonly digest: string
  readonly serial: number | null
  readonly dir: string
  readonly manifest: Manifest
}

interface FrozenPair {
  readonly target: FrozenBundle
  readonly former: FrozenBundle
}

async function loadFrozen(dir: string, digest: string): Promise<FrozenBundle> {
  const { manifest, files, statement } = await loadBundle(dir)
  return { digest, serial: serialOf(statement, files.get(manifestName)!), dir, manifest }
}

function describeChange({ former, target }: FrozenPair): NonNullable<NodeFacts['change']> {
  const { effect } = compareBundles(former.manifest, target.manifest)
  const drains = [former, target].flatMap(({ manifest }) =>
    manifest.services.map(({ drain }) => drain.undrainMs),
  )
  return {
    former: promiseOf(former),
    target: promiseOf(target),
    restarts: effect === 'session-restart',
    undrainMs: effect === 'session-restart' ? Math.max(0, ...drains) : 0,
  }
}

function promiseOf({ digest, serial, manifest }: FrozenBundle): Promised {
  const { services, neighbors, alwaysAnnounce } = manifest
  const always = new Set<string>(alwaysAnnounce)
  return {
    ...{ digest, serial },
    services: services.map(({ name }) => name),
    neighbors: neighbors.map(({ name, prefixes }) => ({
      name,
      prefixes: prefixes.filter((prefix) => !always.has(prefix)),
    })),
  }
}

/** Identifies the YAML of a fleet. Throws the system's error. */
export async function hashSites(dir: string): Promise<string> {
  const names = (await readdir(dir)).filter((name) => /^[^.].*\.ya?ml$/i.test(name)).sort()
  const texts = []
  for (const name of names) texts.push(name, await readFile(join(dir, name), 'utf8'))
  return hashOf(JSON.stringify(texts))
}

export function thisOperator(): string {
  return `${userInfo().username}@${hostname()}`
}
