import { bfdHopsOf } from '../../../manifest/indirect.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { parseAddress } from '../../../net/prefix.ts'
import { type BfdSessions, type BfdState, DaemonError } from '../daemon.ts'
import { BirdClient } from './client.ts'
import { type BirdReply, checkReply, wordsOf } from './reply.ts'

interface BirdBfdOptions {
  readonly manifest: Manifest
  /** For each reply of BIRD. */
  readonly deadlineMs?: number
}

export function createBirdBfd({ manifest, deadlineMs = 1000 }: BirdBfdOptions): BfdSessions {
  const client = new BirdClient({ socketPath: manifest.paths.daemonSocket, deadlineMs })
  const neighbors = manifest.neighbors.filter(({ session }) => session?.bfd)
  return {
    async look() {
      const command = 'show bfd sessions'
      const sessions = readSessions(checkUnlessNone(command, await client.send(command)))
      return new Map(
        neighbors.map((neighbor) => {
          const address = neighbor.address === null ? null : canonical(neighbor.address)
          const { interface: link = null } = neighbor
          // BIRD 2.0.12 left the hops of an iBGP session to the session, which is multihop there.
          const isFar = (bfdHopsOf(neighbor) ?? 'multi') === 'multi'
          const found = sessions.find(
            (one) =>
              (address === null || one.address === address) &&
              (link === null || one.link === link) &&
              one.isFar === isFar,
          )
          return [neighbor.name, found?.state ?? 'missing']
        }),
      )
    },
    close() {
      client.close()
    },
  }
}

interface BirdBfdSession {
  readonly address: string
  /** The name of the interface. */
  readonly link: string
  /** A multihop session belongs to no interface. */
  readonly isFar: boolean
  readonly state: BfdState
}

/** Lines such as `10.1.0.2   eth0   Up   19:09:25.005   0.100   0.500`, below a name and a heading. */
export function readSessions(reply: BirdReply): BirdBfdSession[] {
  return reply.lines.flatMap(({ code, text }) => {
    if (code !== 1020) return []
    const [address = '', name, state] = text.trim().split(/\s+/)
    const parsed = parseAddress(address)
    if (!parsed.ok || name === undefined || state === undefined) return []
    const isUp = state === 'Up'
    return [
      { address: parsed.value.toString(), link: name, isFar: name === '---', state: isUp ? 'up' : 'down' },
    ]
  })
}

/** BIRD refuses the command while it has no BFD protocol: then there is no session. */
function checkUnlessNone(command: string, reply: BirdReply): BirdReply {
  if (/no BFD protocol/i.test(wordsOf(reply))) return { code: 0, lines: [] }
  return checkReply(command, reply)
}

function canonical(text: string): string {
  const address = parseAddress(text)
  if (!address.ok) throw new DaemonError('protocol', `"${text}" ${address.problem}`)
  return address.value.toString()
}
