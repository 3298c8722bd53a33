/** Bytes: some thousand entries, which are garbage before the next slice is parsed. */
const sliceLength = 128 * 1024
const brace = 0x7d
const bracket = 0x5d
const comma = 0x2c

export interface SplitDocument {
  /** The document, with an empty list `roas`. */
  readonly rest: Readonly<Record<string, unknown>>
  /** The entries of `roas`. Throws a SyntaxError or TypeError where they are not JSON in UTF-8. */
  readonly entries: Iterable<unknown>
}

/**
 * Parses the list `roas` of a validator's JSON in slices: 800,000 objects and the text of all of them take time and
 * 100 MB of memory. `null`: the document is not of that simple shape, and `JSON.parse` of the whole decides. What is
 * accepted here means the same to `JSON.parse`: a cut inside a string or a nested value leaves a slice that is no JSON.
 */
export function splitRoas(bytes: Uint8Array): SplitDocument | null {
  try {
    const head = /^.*?"roas"\s*:\s*\[/s.exec(asAscii(bytes.subarray(0, sliceLength)))
    if (head === null) return null
    const start = head[0].length
    const end = bytes.indexOf(bracket, start)
    if (end === -1) return null
    const tail = decode(bytes.subarray(end))
    if (tail.includes('"roas"')) return null
    const rest: unknown = JSON.parse(decode(bytes.subarray(0, start)) + tail)
    if (typeof rest !== 'object' || rest === null || !('roas' in rest)) return null
    if (!Array.isArray(rest.roas) || rest.roas.length > 0) return null
    return { rest: rest as Readonly<Record<string, unknown>>, entries: parseSlices(bytes, start, end) }
  } catch {
    return null
  }
}

function* parseSlices(bytes: Uint8Array, start: number, end: number): Generator<unknown> {
  let at = start
  while (at < end) {
    const stop = findCut(bytes, at, end)
    const slice = decode(bytes.subarray(at, stop))
    // After a comma there is another entry.
    if (stop === end - 1 || (at > start && slice.trim() === '')) {
      throw new SyntaxError('the list ends in a comma')
    }
    yield* JSON.parse(`[${slice}]`) as unknown[]
    at = stop + 1
  }
}

/** The index of a comma that ends an entry, or `end`. */
function findCut(bytes: Uint8Array, at: number, end: number): number {
  const close = bytes.indexOf(brace, at + sliceLength)
  if (close === -1 || close >= end) return end
  let cut = close + 1
  while (cut < end && isBlank(bytes[cut]!)) cut += 1
  if (cut < end && bytes[cut] !== comma) throw new SyntaxError('no comma after an entry')
  return cut
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}

/** With a place for each byte, so that an index in the text is one in the bytes. */
function asAscii(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes)
}

// With `ignoreBOM` it is several times slower in Node 20.
const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xef) throw new SyntaxError('a byte order mark, or text outside of a string')
  return utf8.decode(bytes)
}
