const block = 512
const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')

/**
 * The files as a tar archive (POSIX ustar), the same bytes for the same files. Names are at most 100 bytes long, as those
 * of a bundle are. Throws a RangeError for a longer one.
 */
export function packTar(files: ReadonlyMap<string, string>): Uint8Array {
  const parts: Buffer[] = []
  for (const [name, text] of files) {
    const content = Buffer.from(text)
    parts.push(headerOf(name, content.length), content, Buffer.alloc(-content.length & (block - 1)))
  }
  // Two empty blocks end an archive.
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

/**
 * The files of an archive, as `packTar` or `tar --format=ustar` makes it of regular files. Throws a RangeError for anything
 * else: it may come from another machine.
 */
export function unpackTar(archive: Buffer): Map<string, string> {
  const files = new Map<string, string>()
  let at = 0
  const take = (length: number) => {
    if (length > archive.length - at) throw new RangeError('the archive is truncated')
    at += length
    return archive.subarray(at - length, at)
  }
  for (;;) {
    const header = take(block)
    if (header.every((byte) => byte === 0)) return files
    const text = (start: number, end: number) => header.toString('latin1', start, end)
    const size = /^([0-7]{11})[\0 ]$/.exec(text(124, 136))?.[1]
    const [name] = text(0, 100).split('\0', 1)
    // A type of another file, a name that continues elsewhere, or something else at all.
    if (!/^[0\0]$/.test(text(156, 157)) || text(345, 346) !== '\0' || size === undefined || !name) {
      throw new RangeError('the archive has something else than files')
    }
    if (text(148, 156) !== checksumOf(header)) throw new RangeError('a header of the archive is damaged')
    if (files.has(name)) throw new RangeError(`the archive has ${name} twice`)
    const bytes = Number.parseInt(size, 8)
    files.set(name, take(bytes).toString('utf8'))
    take(-bytes & (block - 1))
  }
}

function headerOf(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`the name ${name} is too long for a tar archive`)
  const header = Buffer.alloc(block)
  header.write(name, 0)
  header.write(octal(0o644, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  header.write(octal(size, 11), 124)
  header.write(octal(0, 11), 136)
  header.write('0', 156)
  header.write('ustar\x0000', 257, 'latin1')
  header.write(checksumOf(header), 148, 'latin1')
  return header
}

/** It counts its own field as spaces. */
function checksumOf(header: Buffer): string {
  const own = { start: 148, end: 156 }
  const sum = header.reduce(
    (total, byte, index) => total + (index >= own.start && index < own.end ? 32 : byte),
    0,
  )
  return `${octal(sum, 6)}\0 `
}
