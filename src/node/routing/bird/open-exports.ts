import type { Family } from '../../../net/prefix.ts'
import { BirdClient } from './client.ts'
import { checkReply } from './reply.ts'

/** A BGP channel of the main tables with `export all`: BIRD sends it each route of the family. */
export interface OpenExport {
  readonly protocol: string
  readonly families: readonly Family[]
}

/** Throws DaemonError. */
export async function listOpenExports(socketPath: string, deadlineMs: number): Promise<OpenExport[]> {
  const client = new BirdClient({ socketPath, deadlineMs })
  try {
    const command = 'show protocols all'
    const { lines } = checkReply(command, await client.send(command))
    return parseOpenExports(lines)
  } finally {
    client.close()
  }
}

export function parseOpenExports(
  lines: readonly { readonly code: number; readonly text: string }[],
): OpenExport[] {
  const found = new Map<string, Family[]>()
  let protocol: string | null = null
  let table = ''
  for (const { code, text } of lines) {
    const head = code === 1002 && /^(\S+)\s+(\S+)\s/.exec(text)
    if (head) protocol = head[2] === 'BGP' ? head[1]! : null
    const fact = code === 1006 && /^\s+(Channel|Table|Output filter):?\s+(\S+)/.exec(text)
    if (!fact || protocol === null) continue
    const [, key, value] = fact
    if (key === 'Channel') table = ''
    else if (key === 'Table') table = value!
    else if (value === 'ACCEPT' && (table === 'master4' || table === 'master6')) {
      const family = table === 'master4' ? 'ipv4' : 'ipv6'
      found.set(protocol, [...(found.get(protocol) ?? []), family])
    }
  }
  return [...found].map(([name, families]) => ({ protocol: name, families }))
}
