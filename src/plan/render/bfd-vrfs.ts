import type { NodePlan } from '../compile/plan.ts'

/** The VRFs of sessions with BFD, in the notation of BIRD; without any in a VRF one instance, as before, has no such line. */
export function bfdVrfs({ sessions }: NodePlan) {
  const withBfd = sessions.filter(({ bfd }) => bfd !== null)
  const vrfs = [...new Set(withBfd.map(({ vrf }) => vrf))].sort(compareVrfs)
  if (vrfs.every((vrf) => vrf === null)) return vrfs.map(() => ({ name: 'aw_bfd ', vrf: '' }))
  return vrfs.map((vrf) =>
    vrf === null ? { name: 'aw_bfd ', vrf: 'default' } : { name: '', vrf: `"${vrf}"` },
  )
}

/** The default VRF comes first. */
function compareVrfs(a: string | null, b: string | null): number {
  return a === null || (b !== null && a < b) ? -1 : 1
}
