import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import type { Manifest } from '../../../manifest/manifest.ts'
import { defaultVrf } from '../../../manifest/vrfs.ts'
import { anyText, type Infer, list, optional, part, requireShape } from '../../../text/shape.ts'
import { DaemonError, type OriginValidation, type ValidationLook } from '../daemon.ts'
import { peerOf, vrfOf } from './peer.ts'
import { Vty } from './vty.ts'

interface FrrRpkiOptions {
  readonly manifest: Manifest
  /** For each reply of bgpd. */
  readonly deadlineMs?: number
}

/**
 * bgpd's origin validation, over a connection of its own, so that announcements do not wait for it.
 * Throws a TypeError for a manifest whose neighbors are no addresses or interfaces.
 */
export function createFrrRpki({ manifest, deadlineMs = 1000 }: FrrRpkiOptions): OriginValidation {
  const vty = new Vty({ socketPath: manifest.paths.daemonSocket, deadlineMs })
  const validated = manifest.neighbors
    .filter(({ session }) => session?.validated)
    .flatMap((neighbor) => {
      const { family, families = [family] } = neighbor
      const vrf = vrfOf(neighbor)
      const scope = vrf === defaultVrf ? '' : `vrf ${vrf} `
      return families.map((carried) => `clear bgp ${scope}${carried} unicast ${peerOf(neighbor)} soft in`)
    })
  return {
    async look() {
      const cache = readConnection(await askRpki(vty, 'show rpki cache-connection json'))
      return { cache, fingerprint: `${vty.connections} ${await fingerprintVrps(vty)}` }
    },
    async reevaluate() {
      for (const command of validated) await vty.ask(command)
    },
    async reconnect() {
      const { rpki } = manifest
      if (!rpki || !(await answers(rpki.lastGood, deadlineMs))) return false
      await askRpki(vty, 'rpki reset')
      return true
    },
    close() {
      vty.close()
    },
  }
}

async function askRpki(vty: Vty, command: string): Promise<string> {
  const { status, text } = await vty.send(command)
  if (status === 0) return text
  const words = text.trim()
  throw new DaemonError(
    'refused',
    `bgpd does not validate origins: it does not know "${command}" (status ${status}). Start it with -M rpki (package frr-rpki-rtrlib)`,
    { reply: words },
  )
}

function answers(cache: string, deadlineMs: number): Promise<boolean> {
  const at = cache.lastIndexOf(':')
  const host = cache.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(cache.slice(at + 1)) })
    const finish = (answered: boolean) => {
      socket.destroy()
      resolve(answered)
    }
    socket.setTimeout(deadlineMs, () => finish(false))
    socket.once('connect', () => finish(true))
    socket.once('error', () => finish(false))
  })
}

const connection = part({ host: optional(anyText()), port: optional(anyText()), state: anyText() })
const cacheConnections = part({ connections: optional(list(connection, Number.POSITIVE_INFINITY)) })

/** `host:port` of the connected cache. An empty object: none was ever connected, or none answers. */
function readConnection(text: string): ValidationLook['cache'] {
  let connections: Infer<typeof cacheConnections>['connections']
  try {
    ;({ connections } = requireShape(cacheConnections, JSON.parse(text)))
  } catch (cause) {
    throw unreadable(text, cause)
  }
  const connected = connections?.find(({ state }) => state === 'connected')
  return connected === undefined ? null : `${connected.host}:${connected.port}`
}

/** Some 2,000 VRPs, which bgpd prints in 2 to 8 ms. */
const fewAllocations = 6000

/**
 * bgpd 8.4.4 reports neither the serial of its data nor the number of VRPs, and printing all 787,737 blocks it
 * for 14 s. So the fingerprint of a large set is the number and size of rtrlib's allocations, which stay the same
 * only if as many VRPs are added as removed; that of a small set is its VRPs.
 */
async function fingerprintVrps(vty: Vty): Promise<string> {
  const line = /^BGP RPKI RTRLib\s*:\s*(\d+)\s+\S+\s+(\d+)/m.exec(await vty.ask('show memory'))
  if (line === null) return 'none'
  const allocated = `${line[1]} ${line[2]}`
  if (Number(line[1]) > fewAllocations) return allocated
  const { status, text } = await vty.send('show rpki prefix-table')
  // Status 1: no cache has sent anything yet.
  if (status !== 0) return allocated
  // The order depends on the history of the table.
  return createHash('sha256').update(text.split('\n').sort().join('\n')).digest('hex')
}

function unreadable(text: string, cause: unknown): DaemonError {
  return new DaemonError(
    'protocol',
    "bgpd's list of RPKI caches is not one that this version of anyward can read",
    {
      reply: text.slice(0, 200),
      cause,
    },
  )
}
