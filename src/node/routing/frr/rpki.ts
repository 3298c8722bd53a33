import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import * as z from 'zod'
import type { Manifest } from '../../../manifest/manifest.ts'
import { parseAddress } from '../../../net/prefix.ts'
import { DaemonError, type OriginValidation, type ValidationLook } from '../daemon.ts'
import { Vty } from './vty.ts'

interface FrrRpkiOptions {
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
    `bgpd validates no origins: it knows no "${command}" (status ${status}). Start it with -M rpki (package frr-rpki-rtrlib)`,
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

/** Some 2,000 VRPs, which bgpd prints in 2 to 8 ms. */
const fewAllocations = 6000

/**
 * bgpd 8.4.4 tells neither the serial of its data nor how many VRPs it has, and printing all 787,737 keeps it
 * from everything else for 14 s. So a large set is known by how many allocations rtrlib has and how long they are,
 * which stays the same only where each VRP that went was made up for by another; a small set by its VRPs.
 */
async function fingerprintVrps(vty: Vty): Promise<string> {
  const line = /^BGP RPKI RTRLib\s*:\s*(\d+)\s+\S+\s+(\d+)/m.exec(await vty.ask('show memory'))
  if (line === null) return 'none'
  const allocated = `${line[1]} ${line[2]}`
  if (Number(line[1]) > fewAllocations) return allocated
  const { status, text } = await vty.send('show rpki prefix-table')
  // Status 1: no cache has sent anything yet.
  if (status !== 0) return allocated
  // Its order depends on how it came about.
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
