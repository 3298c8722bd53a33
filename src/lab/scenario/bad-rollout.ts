import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMap, isSeq, parseDocument } from 'yaml'
import { startRollout } from '../../plan/service/rollout/rollout-service.ts'
import { LabError } from '../lab-error.ts'
import { labNodes, labRolloutDir } from '../local-nodes.ts'
import type { Tables } from '../readiness.ts'
import type { LabState } from '../state.ts'
import { stagesOf, waitUntilWell } from './all-sites-bad.ts'
import { otherAsn } from './other-asn.ts'
import type { ScenarioResult } from './scenario.ts'
import { SiteWatch, sitesOf } from './site-watch.ts'

const soakMs = 5000

/** A valid plan in which the AS number of each neighbor is wrong is rolled out: its first wave is undone, and no other begins. */
export async function runBadRollout(
  state: LabState,
  tables: Tables,
  program: readonly string[],
  signal: AbortSignal,
): Promise<ScenarioResult> {
  const stages = await stagesOf(state, program)
  const prefixes = new Set(stages.flatMap(({ manifest }) => manifest.services.flatMap((one) => one.prefixes)))
  await waitUntilWell(state.nodes, signal)
  const sites = await mkdtemp(join(tmpdir(), 'anyward-bad-rollout-'))
  const startMs = performance.now()
  const watch = new SiteWatch(state, tables, prefixes)
  try {
    await cp(state.sites, sites, { recursive: true })
    await spoil(sites, stages[0]!.manifest.asn)
    const rollout = await startRollout(
      { sites, out: labRolloutDir, local: labNodes({ state, program, soakMs, occupied: true }) },
      {},
      { onEvent() {}, onState() {}, signal },
    )
    if (rollout === null) throw new LabError('the plan changes no node')
    await waitUntilWell(state.nodes, signal)
    const restoredMs = Math.round(performance.now() - startMs)
    const { losses } = await watch.end()
    const [first, ...later] = rollout.waves
    const begun = later.filter(({ nodes }) => nodes.some((node) => node.state !== 'waiting'))
    const tried = new Set(first!.nodes.map(({ site }) => site))
    const others = sitesOf(state).filter((site) => !tried.has(site))
    const lost = others.filter((site) => losses.has(site))
    const problems = [
      ...(rollout.state === 'undone' ? [] : [`the rollout is ${rollout.state}`]),
      ...(begun.length === 0 ? [] : [`begun too: ${begun.map(({ name }) => name).join(', ')}`]),
      ...(lost.length === 0 ? [] : [`the neighbors of ${lost.join(', ')} lost their routes`]),
    ]
    const names = first!.nodes.map(({ node }) => node).join(', ')
    const detail = `stopped at ${names} and undone: ${rollout.reason ?? 'no reason'}; the neighbors of ${others.length} other sites lost no route`
    return {
      ...{
        name: 'bad-rollout',
        node: 'all',
        daemon: state.nodes[0]!.daemon,
        detectMs: null,
        withdrawnMs: null,
      },
      ...{ passed: problems.length === 0, restoredMs, clientOutageMs: null, packetsLost: null },
      detail: problems.length === 0 ? detail : problems.join('; '),
    }
  } finally {
    await watch.end().catch(() => {})
    await rm(sites, { recursive: true, force: true })
  }
}

/** Writes another AS number at each neighbor that is not inside the AS. */
async function spoil(dir: string, ownAsn: number): Promise<void> {
  let changed = 0
  for (const name of await readdir(dir)) {
    if (!/\.ya?ml$/.test(name)) continue
    const path = join(dir, name)
    const document = parseDocument(await readFile(path, 'utf8'))
    const nodes = document.get('nodes')
    const own = isSeq(nodes) ? nodes.items.filter(isMap) : []
    const neighbors = own.flatMap((node) => {
      const list = node.get('neighbors')
      return isSeq(list) ? list.items.filter(isMap) : []
    })
    for (const neighbor of neighbors) {
      const asn = neighbor.get('asn')
      if (neighbor.get('kind') === 'ibgp' || typeof asn !== 'number') continue
      neighbor.set('asn', otherAsn(asn, ownAsn))
      changed += 1
    }
    await writeFile(path, document.toString())
  }
  if (changed === 0) throw new LabError('no neighbor is outside the AS')
}
