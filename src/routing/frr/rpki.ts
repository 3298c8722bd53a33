import { z } from 'zod'
import { parseAddress } from '../../net/prefix.ts'
import type { Manifest } from '../../planner/manifest.ts'
import { DaemonError, type OriginValidation, type ValidationLook } from '../daemon.ts'
import { Vty } from './vty.ts'

export interface FrrRpkiOptions {
  readonly manifest: Manifest
  /** For each reply of bgpd. */
  readonly deadlineMs?: number
}

/**
 * bgpd's origin validation, over a connection of its own: an announcement never waits behind it.
 * Throws a TypeError for a manifest whose neighbors are not addresses.
 */
export function createFrrRpki({ manifest, deadlineMs = 1000 }: FrrRpkiOptions): OriginValidation {
  const vty = new Vty({ socketPath: manifest.paths.daemonSocket, deadlineMs })
  const validated = manifest.neighbors
    .filter(({ session }) => session?.validated)
    .map(({ name, address, family }) => {
      const parsed = parseAddress(address)
      // It ends up in commands: a manifest that somebody edited must not smuggle one in.
      if (!parsed.ok) throw new TypeError(`neighbor ${name}: "${address}" ${parsed.problem}`)
      return `clear bgp ${family} unicast ${parsed.value} soft in`
    })
  return {
    async look() {
      const cache = readConnection(await askRpki(vty, 'show rpki cache-connection json'))
      // Not the VRPs themselves: printing 787,737 of them keeps bgpd from everything else for 14 s.
      const memory = readVrpMemory(await vty.ask('show memory'))
      return { cache, fingerprint: `${vty.connections} ${memory}` }
    },
    async reevaluate() {
      for (const command of validated) await vty.ask(command)
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
    `bgpd validates no origins: it knows no "${command}" (status ${status}). Start it with -M rpki (package frr-rpki-rtrlib)`,
    { reply: words },
  )
}

const connectionSchema = z.object({
  connections: z
    .array(z.object({ host: z.string().optional(), port: z.string().optional(), state: z.string() }))
    .optional(),
})

/** `host:port` of the cache that is connected. An empty object: none has ever been, or none answers. */
function readConnection(text: string): ValidationLook['cache'] {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw unreadable(text, cause)
  }
  const result = connectionSchema.safeParse(document)
  if (!result.success) throw unreadable(text, result.error)
  const connected = result.data.connections?.find(({ state }) => state === 'connected')
  return connected === undefined ? null : `${connected.host}:${connected.port}`
}

/**
 * How many allocations rtrlib has, and their bytes: each VRP is some of them. bgpd 8.4.4 tells the number of
 * VRPs only by printing them all, and the serial of its cache nowhere.
 */
function readVrpMemory(text: string): string {
  const line = /^BGP RPKI RTRLib\s*:\s*(\d+)\s+\S+\s+(\d+)/m.exec(text)
  return line === null ? 'none' : `${line[1]} ${line[2]}`
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
