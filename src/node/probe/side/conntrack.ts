import { readFile } from 'node:fs/promises'
import type { ManifestService } from '../../../manifest/manifest.ts'
import { bad, createSideProbe, good, inconclusive, type SideVerdict } from './create-side-probe.ts'
import type { SideProbe } from './side-check.ts'

type ConntrackSettings = NonNullable<ManifestService['probe']['conntrack']>

/** The counters of this network namespace, if it tracks connections. */
const kernelFolder = '/proc/sys/net/netfilter'

/** Whether the connection tracking table has room. `folder` contains the kernel's counters. */
export function createConntrackProbe(settings: ConntrackSettings, folder = kernelFolder): SideProbe {
  const ask = async (): Promise<SideVerdict> => {
    const [used, room] = await Promise.all([
      readNumber(`${folder}/nf_conntrack_count`),
      readNumber(`${folder}/nf_conntrack_max`),
    ])
    if (used === null || room === null) {
      return inconclusive(
        'no-conntrack',
        'the kernel tracks no connections here: the module nf_conntrack is not loaded',
      )
    }
    // 0 is no limit.
    const share = room === 0 ? 0 : used / room
    const detail = `${used} of ${room} connections are tracked, ${Math.floor(share * 100)} %`
    return share <= settings.maxUse
      ? good(detail)
      : bad('conntrack-full', `${detail}; at most ${Math.round(settings.maxUse * 100)} % are to be`)
  }
  return createSideProbe({ check: 'conntrack', intervalMs: settings.intervalMs, ask })
}

async function readNumber(file: string): Promise<number | null> {
  const text = await readFile(file, 'latin1').catch(() => '')
  return /^\d+\s*$/.test(text) ? Number(text) : null
}
