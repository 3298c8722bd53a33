import { type Family, families } from '../../net/prefix.ts'
import type { VrpTable, VrpTables } from '../rpki/vrp-table.ts'

/** RFC 6810 is version 0, RFC 8210 version 1. */
export type RtrVersion = 0 | 1

export const pduType = {
  serialNotify: 0,
  serialQuery: 1,
  resetQuery: 2,
  cacheResponse: 3,
  ipv4Prefix: 4,
  ipv6Prefix: 6,
  endOfData: 7,
  cacheReset: 8,
  routerKey: 9,
  errorReport: 10,
} as const

/** RFC 8210, section 12. */
export const errorCode = {
  corruptData: 0,
  noDataAvailable: 2,
  invalidRequest: 3,
  unsupportedVersion: 4,
  unsupportedPduType: 5,
  unexpectedVersion: 8,
} as const

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode]

export const headerLength = 8
const chunkLength = 64 * 1024

function pdu(version: number, type: number, field: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  bytes[0] = version
  bytes[1] = type
  bytes.writeUInt16BE(field, 2)
  bytes.writeUInt32BE(length, 4)
  return bytes
}

export function serialNotify(version: RtrVersion, session: number, serial: number): Buffer {
  const bytes = pdu(version, pduType.serialNotify, session, 12)
  bytes.writeUInt32BE(serial, 8)
  return bytes
}

export function cacheResponse(version: RtrVersion, session: number): Buffer {
  return pdu(version, pduType.cacheResponse, session, headerLength)
}

export function cacheReset(version: RtrVersion): Buffer {
  return pdu(version, pduType.cacheReset, 0, headerLength)
}

/** The three timers of RFC 8210, section 6, in seconds. */
export interface RtrTimers {
  readonly refreshS: number
  readonly retryS: number
  readonly expireS: number
}

export function endOfData(version: RtrVersion, session: number, serial: number, timers: RtrTimers): Buffer {
  const bytes = pdu(version, pduType.endOfData, session, version === 0 ? 12 : 24)
  bytes.writeUInt32BE(serial, 8)
  if (version === 1) {
    bytes.writeUInt32BE(timers.refreshS, 12)
    bytes.writeUInt32BE(timers.retryS, 16)
    bytes.writeUInt32BE(timers.expireS, 20)
  }
  return bytes
}

/** `erroneous` may be truncated (RFC 8210, section 5.11). */
export function errorReport(
  version: RtrVersion,
  code: ErrorCode,
  text: string,
  erroneous: Uint8Array = Buffer.alloc(0),
): Buffer {
  const said = Buffer.from(text)
  const bytes = pdu(version, pduType.errorReport, code, headerLength + 8 + erroneous.length + said.length)
  bytes.writeUInt32BE(erroneous.length, 8)
  bytes.set(erroneous, 12)
  bytes.writeUInt32BE(said.length, 12 + erroneous.length)
  bytes.set(said, 16 + erroneous.length)
  return bytes
}

/** Generated on demand: a router that reads slowly uses one chunk of 64 KiB. */
export function* prefixPdus(
  version: RtrVersion,
  tables: VrpTables,
  change: 'announce' | 'withdraw',
): Generator<Buffer> {
  for (const family of families) {
    const table = tables[family]
    const length = family === 'ipv4' ? 20 : 32
    const perChunk = Math.floor(chunkLength / length)
    for (let first = 0; first < table.size; first += perChunk) {
      const rows = Math.min(perChunk, table.size - first)
      const chunk = Buffer.allocUnsafe(rows * length)
      for (let row = 0; row < rows; row += 1) {
        writePrefix(chunk, row * length, version, change === 'announce' ? 1 : 0, family, table, first + row)
      }
      yield chunk
    }
  }
}

function writePrefix(
  bytes: Buffer,
  start: number,
  version: RtrVersion,
  flags: number,
  family: Family,
  table: VrpTable,
  row: number,
): void {
  const length = family === 'ipv4' ? 20 : 32
  bytes[start] = version
  bytes[start + 1] = family === 'ipv4' ? pduType.ipv4Prefix : pduType.ipv6Prefix
  bytes.writeUInt16BE(0, start + 2)
  bytes.writeUInt32BE(length, start + 4)
  bytes[start + 8] = flags
  bytes[start + 9] = table.lengths[row]!
  bytes[start + 10] = table.maxLengths[row]!
  bytes[start + 11] = 0
  let at = start + 12
  for (const column of table.words) {
    bytes.writeUInt32BE(column[row]!, at)
    at += 4
  }
  bytes.writeUInt32BE(table.asns[row]!, at)
}
