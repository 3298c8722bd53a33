import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BirdClient } from '../../node/routing/bird/client.ts'

/** The prefixes of a protocol in a neighbor's tables. */
export async function readPrefixes(client: BirdClient, protocol: string): Promise<Set<string>> {
  const reply = await client.send(`show route protocol ${protocol}`)
  const prefixes = new Set<string>()
  for (const { text } of reply.lines) {
    const found = /^([0-9a-f.:]+\/\d+)\s/.exec(text)
    if (found) prefixes.add(found[1]!)
  }
  return prefixes
}

/** Each BGP session's state as BIRD names it, such as `Established`, by protocol. */
export async function readSessions(client: BirdClient): Promise<Map<string, string>> {
  const sessions = new Map<string, string>()
  for (const { text } of (await client.send('show protocols')).lines) {
    const fields = text.trim().split(/\s+/)
    if (fields[1] === 'BGP') sessions.set(fields[0]!, fields.slice(5).join(' ') || fields[3]!)
  }
  return sessions
}

/**
 * How often a session of a neighbor has changed its state, by the neighbor's log: the times in `show protocols` are converted
 * at each query, and those of one event differ by a millisecond.
 */
export async function countStateChanges(controlSocket: string, protocol: string): Promise<number> {
  const log = await readFile(join(dirname(controlSocket), 'bird.log'), 'utf8')
  return log.split('\n').filter((line) => line.includes(` ${protocol}: State changed`)).length
}
