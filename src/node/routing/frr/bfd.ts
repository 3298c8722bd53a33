import { dirname, join } from 'node:path'
import { bfdHopsOf } from '../../../manifest/indirect.ts'
import type { Manifest, ManifestNeighbor } from '../../../manifest/manifest.ts'
import { anyText, type Infer, list, optional, part, requireShape, yesNo } from '../../../text/shape.ts'
import { type BfdSessions, type BfdState, DaemonError } from '../daemon.ts'
import { Vty } from './vty.ts'

interface FrrBfdOptions {
  readonly manifest: Manifest
  /** For each reply of bfdd. */
  readonly deadlineMs?: number
}

/** From bfdd itself: bgpd goes on to report the last state that it received, also after bfdd has ended. */
export function createFrrBfd({ manifest, deadlineMs = 1000 }: FrrBfdOptions): BfdSessions {
  const socketPath = join(dirname(manifest.paths.daemonSocket), 'bfdd.vty')
  const vty = new Vty({ daemon: 'bfdd', socketPath, deadlineMs })
  const neighbors = manifest.neighbors.filter(({ session }) => session?.bfd)
  return {
    async look() {
      const sessions = readSessions(await vty.ask('show bfd peers json'))
      return new Map(neighbors.map((neighbor) => [neighbor.name, stateOf(neighbor, sessions)]))
    },
    close() {
      vty.close()
    },
  }
}

const sessionsShape = list(
  part({
    peer: anyText(),
    local: optional(anyText()),
    interface: optional(anyText()),
    vrf: optional(anyText()),
    multihop: optional(yesNo),
    status: anyText(),
  }),
  Number.POSITIVE_INFINITY,
)

function readSessions(text: string): Infer<typeof sessionsShape> {
  try {
    return requireShape(sessionsShape, JSON.parse(text))
  } catch (cause) {
    throw new DaemonError(
      'protocol',
      "bfdd's list of peers is not one that this version of anyward can read",
      {
        reply: text.slice(0, 200),
        cause,
      },
    )
  }
}

/** bgpd registers a direct neighbor first without, then with the local address, so there may be none. */
function stateOf(neighbor: ManifestNeighbor, sessions: Infer<typeof sessionsShape>): BfdState {
  const hops = bfdHopsOf(neighbor)
  const own = sessions.filter(
    ({ peer, local, interface: link, vrf = 'default', multihop = false }) =>
      vrf === (neighbor.vrf ?? 'default') &&
      (neighbor.address === null || peer === neighbor.address) &&
      (neighbor.interface === undefined || link === neighbor.interface) &&
      (local === undefined || neighbor.localAddress === null || local === neighbor.localAddress) &&
      (hops === null || multihop === (hops === 'multi')),
  )
  if (own.length === 0) return 'missing'
  return own.some(({ status }) => status === 'up') ? 'up' : 'down'
}
