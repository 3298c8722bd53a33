import { quote } from '../../../text/wording.ts'
import { type Drafts, listNodes } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'
import { findTwice } from './twice.ts'

/** Checks that the waves name nodes and sites of the fleet, each once. */
export function checkRollout(drafts: Drafts): Finding[] {
  const { fleet, complete } = drafts
  if (fleet === null) return []
  const { file, value } = fleet
  const waves = (fleet.value.rollout?.waves ?? []).map((wave, index) => ({
    wave,
    path: ['rollout', 'waves', index] as const,
  }))
  const entriesOf = (kind: 'nodes' | 'sites') =>
    waves.flatMap(({ wave, path }) =>
      (wave?.[kind] ?? []).map((value, at) => ({ file, path: [...path, kind, at], value })),
    )
  const names = waves.map(({ wave, path }) => ({ file, path: [...path, 'name'], value: wave?.name }))
  const viaStore =
    value.rollout?.via === 'store' && value.store === undefined
      ? [error(file, ['rollout', 'via'], 'the fleet has no store', 'add `store`, or write via: ssh')]
      : []
  const findings = [
    ...viaStore,
    ...findTwice(names, 'give each wave a name of its own'),
    ...findTwice(entriesOf('nodes'), 'a node is in one wave'),
    ...findTwice(entriesOf('sites'), 'a site is in one wave'),
  ]
  if (!complete) return findings
  const known = {
    nodes: new Set(listNodes(drafts).map(({ node }) => node.name)),
    sites: new Set(drafts.sites.map(({ value }) => value.site)),
  }
  for (const kind of ['nodes', 'sites'] as const) {
    for (const { path, value } of entriesOf(kind)) {
      if (value === undefined || known[kind].has(value)) continue
      findings.push(
        error(
          file,
          path,
          `the fleet has no ${kind.slice(0, -1)} ${quote(value)}`,
          `write the name of a ${kind.slice(0, -1)}`,
        ),
      )
    }
  }
  return findings
}
