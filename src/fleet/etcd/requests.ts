import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { KeyValue, Selection, Transaction } from '../store.ts'
import {
  type CompareSchema,
  type Event,
  RequestOpSchema,
  type TxnRequest,
  TxnRequestSchema,
  type TxnResponse,
} from './rpc_pb.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** `Compare.target` and `Event.type`. */
const target = { version: 0, value: 3 }
const removed = 1

/** Of a range: `rangeEnd` is empty for one key. */
export function rangeOf(part: Selection): { key: Uint8Array; rangeEnd: Uint8Array } {
  if ('key' in part) return { key: encoder.encode(part.key), rangeEnd: new Uint8Array() }
  // An empty key is no key; 0 and 0 are all keys.
  const key = part.prefix === '' ? Uint8Array.of(0) : encoder.encode(part.prefix)
  return { key, rangeEnd: afterPrefix(encoder.encode(part.prefix)) }
}

/** The first key after all that begin with the prefix. UTF-8 has no byte 0xff. */
function afterPrefix(prefix: Uint8Array): Uint8Array {
  if (prefix.length === 0) return Uint8Array.of(0)
  const end = prefix.slice()
  end[end.length - 1]! += 1
  return end
}

/** One transaction, so that all ranges are of one moment. It is linearizable. */
export function readRequest(selection: readonly Selection[]): TxnRequest {
  const success = selection.map((part) => operation({ case: 'requestRange', value: rangeOf(part) }))
  return create(TxnRequestSchema, { success })
}

export function transactRequest({ compares, writes }: Transaction): TxnRequest {
  return create(TxnRequestSchema, { compare: compares.map(comparison), success: writes.map(write) })
}

function comparison({ key, value }: KeyValue): MessageInitShape<typeof CompareSchema> {
  return value === null
    ? { key: encoder.encode(key), target: target.version, targetUnion: { case: 'version', value: 0n } }
    : {
        ...{ key: encoder.encode(key), target: target.value },
        targetUnion: { case: 'value', value: encoder.encode(value) },
      }
}

function write({ key, value }: KeyValue) {
  return value === null
    ? operation({ case: 'requestDeleteRange', value: { key: encoder.encode(key) } })
    : operation({ case: 'requestPut', value: { key: encoder.encode(key), value: encoder.encode(value) } })
}

function operation(request: NonNullable<MessageInitShape<typeof RequestOpSchema>['request']>) {
  return create(RequestOpSchema, { request })
}

export function valuesOf({ responses }: TxnResponse): Map<string, string> {
  const values = responses.flatMap(({ response }) =>
    response.case === 'responseRange' ? response.value.kvs : [],
  )
  return new Map(values.map(({ key, value }) => [decoder.decode(key), decoder.decode(value)]))
}

export function changeOf({ type, kv }: Event): KeyValue {
  return { key: decoder.decode(kv!.key), value: type === removed ? null : decoder.decode(kv!.value) }
}
