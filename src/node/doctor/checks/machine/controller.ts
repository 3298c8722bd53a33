import { listPrograms } from '../../../../linux/inspect/programs-running.ts'
import { type Check, error, warning } from '../../check.ts'

/** One controller for a node: two of them would announce and withdraw against each other. */
export const controller: Check = {
  name: 'controller',
  reads: 'the controllers that run in this network namespace',
  async examine({ manifest }) {
    if (manifest === null) return []
    const { programs } = await listPrograms()
    const running = programs.filter(({ argv }) => isController(argv))
    if (running.length < 2) return []
    const words = running
      .map(({ pid, argv }) => `process ${pid} (${bundleOf(argv) ?? 'no bundle'})`)
      .join(', ')
    const bundles = new Set(running.map(({ argv }) => bundleOf(argv)))
    const message = `${running.length} controllers run on this node: ${words}`
    const cure = 'stop all but one, and look for a second unit or container that starts one'
    return [bundles.size > 1 ? error(message, cure) : warning(message, cure)]
  },
}

export function isController(argv: readonly string[]): boolean {
  const at = argv.indexOf('controller')
  return at > 0 && /(?:^|\/)(?:anyward|main\.[jt]s)$/.test(argv[at - 1]!)
}

function bundleOf(argv: readonly string[]): string | null {
  const at = argv.indexOf('--bundle')
  return at === -1 ? null : (argv[at + 1] ?? null)
}
