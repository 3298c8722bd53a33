import { daemonTraits } from '../../../manifest/daemon-kinds.ts'
import type { PlacedNode } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'

/** What the configuration calls its own protocols and tables, without `aw_`, and with dashes as in the YAML. */
const reserved =
  /^(?:bfd|direct|radv|kernel[46]|kernel-routes[46]|rtr[1-9]\d*|rtr-last|via[46]|roa[46]|last[46])$/

/** A session of BIRD is a symbol, and so are its filters: `aw_x`, `aw_x_in`. */
export function checkSymbols({ file, path, node }: PlacedNode): Finding[] {
  if (node.daemon === undefined || node.routing === 'attached') return []
  if (!daemonTraits[node.daemon].namesSessions) return []
  const names = new Set((node.neighbors ?? []).map((neighbor) => neighbor?.name))
  return (node.neighbors ?? []).flatMap((neighbor, index): Finding[] => {
    const { name } = neighbor ?? {}
    if (name === undefined) return []
    const at = [...path, 'neighbors', index, 'name']
    const symbol = `aw_${name.replaceAll('-', '_')}`
    const hint = `choose another name, such as ${name.slice(0, 30)}-1`
    if (reserved.test(name)) {
      const words = `${symbol} in the configuration of BIRD is a protocol or table of Anyward's own`
      return [error(file, at, words, hint)]
    }
    const [, stem] = /^(.+)-(?:in|out)[46]?$/.exec(name) ?? []
    if (stem === undefined || !names.has(stem)) return []
    return [
      error(file, at, `${symbol} in the configuration of BIRD is a filter of the neighbor ${stem}`, hint),
    ]
  })
}
