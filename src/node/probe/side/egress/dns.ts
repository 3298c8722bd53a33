import type { EgressReply } from './reply.ts'

const headerLength = 12
const recursionDesired = 0x01
const isResponse = 0x80
const typeA = 1
const classIn = 1
/** RFC 1035, section 4.1.1. */
const replyCodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

/** For the A record of `name` (RFC 1035, section 4). */
export function buildDnsQuery(id: number, name: string): Buffer {
  const header = Buffer.alloc(headerLength)
  header.writeUInt16BE(id, 0)
  header[2] = recursionDesired
  header.writeUInt16BE(1, 4)
  const labels = name.split('.').filter((label) => label !== '')
  const question = labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')])
  return Buffer.concat([header, ...question, Buffer.of(0, 0, typeA, 0, classIn)])
}

/**
 * `null` if it is not a reply to `query`. NXDOMAIN is a success: the resolver reached the zone. A resolver
 * without an uplink answers SERVFAIL.
 */
export function readDnsReply(message: Buffer, query: Buffer): EgressReply | null {
  if (message.length < query.length || ((message[2] ?? 0) & isResponse) === 0) return null
  if (!message.subarray(0, 2).equals(query.subarray(0, 2)) || message.readUInt16BE(4) !== 1) return null
  const questionOf = (bytes: Buffer) =>
    bytes.subarray(headerLength, query.length).toString('latin1').toLowerCase()
  if (questionOf(message) !== questionOf(query)) return null
  const code = message[3]! & 0x0f
  const word = replyCodes[code] ?? `code ${code}`
  if (word === 'NOERROR' || word === 'NXDOMAIN') return { ok: true, farewell: null }
  const cause = word === 'REFUSED' ? 'egress-refused' : 'egress-dns-failed'
  return { ok: false, cause, detail: `answered ${word}` }
}
