import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { hashOf } from '../../files/hash.ts'
import { fileName } from '../../manifest/values.ts'
import { anyText, map, pattern, readJson, record, whole } from '../../text/shape.ts'
import type { KeyValue, Store } from '../store.ts'

/** etcd refuses a request above 1.5 MB. */
const chunkLength = 512 * 2 ** 10
const mostChunks = 32
const mostBytes = 64 * 2 ** 20

/** A bundle in a store: the hash of its text, which is in so many parts. */
export interface ArchiveRef {
  readonly hash: string
  readonly chunks: number
}

export interface Archive {
  readonly ref: ArchiveRef
  readonly chunks: readonly string[]
}

export const archiveRef = record({
  hash: pattern(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex', 64),
  chunks: whole(1, mostChunks),
})

const content = map(fileName, anyText(mostBytes), 1000)

/** `null`: it is too large for a store. The same files make the same archive. */
export async function packArchive(files: ReadonlyMap<string, string>): Promise<Archive | null> {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1))
  const packed = await promisify(gzip)(JSON.stringify(Object.fromEntries(sorted)))
  const text = packed.toString('base64')
  const chunks = Math.ceil(text.length / chunkLength)
  if (chunks > mostChunks) return null
  return {
    ref: { hash: hashOf(text), chunks },
    chunks: Array.from({ length: chunks }, (_, index) =>
      text.slice(index * chunkLength, (index + 1) * chunkLength),
    ),
  }
}

/** The files by name; `null`: these are not the parts of this archive. */
async function unpackArchive(
  { hash }: ArchiveRef,
  chunks: readonly string[],
): Promise<ReadonlyMap<string, string> | null> {
  const text = chunks.join('')
  if (hashOf(text) !== hash) return null
  const json = await promisify(gunzip)(Buffer.from(text, 'base64'), { maxOutputLength: mostBytes }).catch(
    () => null,
  )
  const files = json === null ? null : readJson(content, json.toString('utf8'))
  return files === null ? null : new Map(Object.entries(files))
}

/** The largest archive, in MB, for messages. */
export const mostMegabytes = (mostChunks * chunkLength * 3) / 4 / 2 ** 20

export function chunksOf({ chunks }: Archive, folder: string): KeyValue[] {
  return chunks.map((value, index) => ({ key: `${folder}${index}`, value }))
}

export type ArchiveRead =
  | { readonly outcome: 'read'; readonly files: ReadonlyMap<string, string> }
  /** A part is missing, or is not as it was written. */
  | { readonly outcome: 'damaged' }
  /** The store has not answered. */
  | { readonly outcome: 'failed'; readonly message: string }

/** Reads one part at a time: the store may hold more than it should. */
export async function readArchive(
  store: Store,
  folder: string,
  ref: ArchiveRef,
  withinMs: number,
): Promise<ArchiveRead> {
  const chunks: string[] = []
  for (let index = 0; index < ref.chunks; index++) {
    const key = `${folder}${index}`
    const read = await store.read([{ key }], withinMs)
    if (read.outcome !== 'read') return { outcome: 'failed', message: read.message }
    const chunk = read.values.get(key)
    if (chunk === undefined || chunk.length > chunkLength) return { outcome: 'damaged' }
    chunks.push(chunk)
  }
  const files = await unpackArchive(ref, chunks)
  return files === null ? { outcome: 'damaged' } : { outcome: 'read', files }
}
