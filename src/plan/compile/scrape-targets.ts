import type { Fleet } from '../sites/fleet.ts'

/** The controllers of a fleet for `file_sd_configs` of Prometheus: a group for each node, in the order of the plan. */
export function describeScrapeTargets(fleet: Pick<Fleet, 'listen' | 'sites'>): string {
  const port = fleet.listen.slice(fleet.listen.lastIndexOf(':') + 1)
  const groups = fleet.sites.flatMap(({ name: site, nodes }) =>
    nodes.map(({ name: node, unicast, ssh }) => {
      const host = unicast?.toString() ?? ssh.slice(ssh.lastIndexOf('@') + 1)
      return { targets: [`${host.includes(':') ? `[${host}]` : host}:${port}`], labels: { site, node } }
    }),
  )
  const sorted = groups.toSorted(({ labels: a }, { labels: b }) =>
    `${a.site}/${a.node}` < `${b.site}/${b.node}` ? -1 : 1,
  )
  return `${JSON.stringify(sorted, null, 2)}\n`
}
