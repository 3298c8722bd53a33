import { type ErrorCode, errorCode, headerLength, pduType, type RtrVersion } from './pdu.ts'

/** A router's query. */
export type Query =
  | { readonly type: 'reset'; readonly version: RtrVersion }
  | {
      readonly type: 'serial'
      readonly version: RtrVersion
      readonly session: number
      readonly serial: number
    }
  /** The router reports an error in the data that it received. */
  | { readonly type: 'error'; readonly code: number; readonly text: string }

/** `incomplete`: there is more to come. */
type Reading =
  | { readonly outcome: 'query'; readonly query: Query; readonly length: number }
  | { readonly outcome: 'incomplete' }
  | { readonly outcome: 'refused'; readonly code: ErrorCode; readonly problem: string }

/** The limit of a router's PDU. The longest is an Error Report, which quotes a short PDU. */
const longestQuery = 4096

/**
 * Reads one PDU from a router.
 * @param established the version that the first query settled (RFC 8210, section 7)
 */
export function readQuery(bytes: Buffer, established: RtrVersion | null): Reading {
  if (bytes.length === 0) return { outcome: 'incomplete' }
  const version = bytes[0]!
  if (established === null && version > 1) {
    return refused('unsupportedVersion', `version ${version} is not supported; use 0 or 1`)
  }
  if (established !== null && version !== established) {
    return refused('unexpectedVersion', `version ${version} in a session of version ${established}`)
  }
  if (bytes.length < headerLength) return { outcome: 'incomplete' }
  const type = bytes[1]!
  const length = bytes.readUInt32BE(4)
  const expected = lengths.get(type)
  if (expected === undefined) {
    const known = Object.values(pduType).some((value) => value === type)
    return known
      ? refused('invalidRequest', `a router does not send PDUs of type ${type}`)
      : refused('unsupportedPduType', `there is no PDU of type ${type}`)
  }
  const [least, most] = expected
  if (length < least || length > most) {
    return refused('corruptData', `a PDU of type ${type} is not ${length} bytes long`)
  }
  if (bytes.length < length) return { outcome: 'incomplete' }
  return { outcome: 'query', query: decode(bytes.subarray(0, length), version as RtrVersion), length }
}

const lengths: ReadonlyMap<number, readonly [least: number, most: number]> = new Map([
  [pduType.serialQuery, [12, 12]],
  [pduType.resetQuery, [8, 8]],
  [pduType.errorReport, [16, longestQuery]],
])

function decode(bytes: Buffer, version: RtrVersion): Query {
  const field = bytes.readUInt16BE(2)
  if (bytes[1] === pduType.resetQuery) return { type: 'reset', version }
  if (bytes[1] === pduType.serialQuery) {
    return { type: 'serial', version, session: field, serial: bytes.readUInt32BE(8) }
  }
  const quoted = Math.min(bytes.readUInt32BE(8), bytes.length - 16)
  const textLength = bytes.readUInt32BE(12 + quoted)
  return { type: 'error', code: field, text: bytes.toString('utf8', 16 + quoted, 16 + quoted + textLength) }
}

function refused(code: keyof typeof errorCode, problem: string): Reading {
  return { outcome: 'refused', code: errorCode[code], problem }
}
