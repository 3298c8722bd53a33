import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { Address, parseAddress } from '../../net/prefix.ts'
import { type RosterClaim, type ServiceState, serviceStates } from './link.ts'
import { BatchSchema, type Claims, type ClaimsSchema, type Entry, type State } from './roster_pb.ts'

/** Entries in a message: some 60 bytes each, and some microseconds of the receiver's time. */
export const mostEntries = 500
/** Of a message. A longer one ends the stream. */
export const mostBytes = 128 * 1024

export type BatchInit = Omit<MessageInitShape<typeof BatchSchema>, 'clockMs' | '$typeName'>

/** A message of gRPC: not compressed, its length, and the batch. */
export function frame(batch: BatchInit, clockMs: number): Buffer {
  const message = toBinary(BatchSchema, create(BatchSchema, { ...batch, clockMs }))
  const framed = Buffer.allocUnsafe(5 + message.length)
  framed[0] = 0
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, 5)
  return framed
}

/** Of one node, which is `''` if it is the sender. */
export function packClaims(
  node: string,
  skewMs: number,
  claims: readonly RosterClaim[],
): MessageInitShape<typeof ClaimsSchema>[] {
  const byService = new Map<string, MessageInitShape<typeof ClaimsSchema> & { entries: Entry[] }>()
  for (const claim of claims) {
    let packed = byService.get(claim.service)
    if (packed === undefined) {
      packed = { node, skewMs, service: claim.service, entries: [] }
      byService.set(claim.service, packed)
    }
    packed.entries.push({
      $typeName: 'anyward.roster.Entry',
      peer: Buffer.from(claim.peer, 'base64'),
      address: packAddress(claim.endpoint.address),
      port: claim.endpoint.port,
      handshakeMs: claim.handshakeMs,
    })
  }
  return [...byService.values()]
}

/** Entries that cannot be any are left out; what they say is for the roster to check. */
export function unpackClaims({ service, entries }: Claims): RosterClaim[] {
  return entries.flatMap(({ peer, address, port, handshakeMs }) => {
    const text = unpackAddress(address)
    if (peer.length !== 32 || text === null) return []
    const key = Buffer.from(peer.buffer, peer.byteOffset, peer.length).toString('base64')
    return [{ service, peer: key, endpoint: { address: text, port }, handshakeMs }]
  })
}

export function stateOf({ state }: State): ServiceState | null {
  return serviceStates[state] ?? null
}

function packAddress(text: string): Uint8Array {
  const parsed = parseAddress(text)
  if (!parsed.ok) return new Uint8Array()
  const { family, value } = parsed.value
  const bytes = new Uint8Array(family === 'ipv4' ? 4 : 16)
  const view = new DataView(bytes.buffer)
  if (family === 'ipv4') view.setUint32(0, Number(value))
  else {
    view.setBigUint64(0, value >> 64n)
    view.setBigUint64(8, value & 0xffff_ffff_ffff_ffffn)
  }
  return bytes
}

function unpackAddress(bytes: Uint8Array): string | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length === 4) return new Address('ipv4', BigInt(view.getUint32(0))).toString()
  if (bytes.length !== 16) return null
  return new Address('ipv6', (view.getBigUint64(0) << 64n) | view.getBigUint64(8)).toString()
}
