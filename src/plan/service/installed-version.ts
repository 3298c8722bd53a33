import { runForOutput } from '../../linux/run.ts'
import type { DaemonKind } from '../../manifest/daemon-kinds.ts'

const commands: Readonly<Record<DaemonKind, readonly [string, ...string[]]>> = {
  bird: ['bird', '--version'],
  frr: ['/usr/lib/frr/bgpd', '--version'],
}

/** The version of the daemon that is installed here, such as `2.17.6`; `null`: it does not say. Throws RunError. */
export async function readInstalledVersion(kind: DaemonKind): Promise<string | null> {
  const { stdout, stderr } = await runForOutput(commands[kind], { timeoutMs: 10_000 })
  return /^(?:BIRD|bgpd) version (\S+)/m.exec(`${stdout}\n${stderr}`)?.[1] ?? null
}
