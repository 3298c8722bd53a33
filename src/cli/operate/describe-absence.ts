import { existsSync } from 'node:fs'
import type { Manifest } from '../../manifest/manifest.ts'
import { formatDuration } from '../../text/duration.ts'
import { defaultBundle } from '../commands/options.ts'
import { locateBundle, type NodeOptions } from '../locate-bundle.ts'

const packagedUnit = '/usr/lib/systemd/system/anyward-controller.service'

/** What to do where no controller answers, and what becomes of its announcements meanwhile. */
export async function describeAbsence(
  manifest: Manifest,
  options: NodeOptions,
  unit = packagedUnit,
): Promise<string> {
  const bundle = (await locateBundle(options)) ?? defaultBundle
  const isPackaged = bundle === defaultBundle && existsSync(unit)
  const start = isPackaged
    ? 'start it: systemctl start anyward-controller; its log: journalctl -u anyward-controller'
    : `start it: anyward controller --bundle ${bundle}`
  const lines = manifest.services.map(({ name, deadManMs }) =>
    deadManMs === null
      ? `if it was killed, ${name} stays announced until then: its deadMan is keep`
      : `if it was killed, the guard withdraws ${name} ${formatDuration(deadManMs)} after its last renewal (deadMan)`,
  )
  return [start, ...lines].join('\n    ')
}
