import { runForOutput } from '../../../linux/run.ts'
import type { DaemonKind } from '../../../manifest/daemon-kinds.ts'

const timeoutMs = 2000
/** FRR's daemons are on no PATH. */
const programs: Readonly<Record<DaemonKind, string>> = { bird: 'bird', frr: '/usr/lib/frr/bgpd' }

/** The version of the daemon that is installed on this machine, such as `2.17.6`; `null`: it is not installed. */
export async function detectVersion(daemon: DaemonKind): Promise<string | null> {
  const { stdout, stderr } = await runForOutput([programs[daemon], '--version'], { timeoutMs }).catch(() => ({
    stdout: '',
    stderr: '',
  }))
  return /^(?:BIRD|bgpd) version (\d+\.\d+(?:\.\d+)?)/m.exec(`${stdout}\n${stderr}`)?.[1] ?? null
}
