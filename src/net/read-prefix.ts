/**
 * Reads `192.0.2.0/24` into the first word, and gives the length. -1: it is not written like that, or has host
 * bits; only `parsePrefix` knows why. This one makes no object, for there are 800,000 to read.
 */
export function readIpv4Prefix(text: string, words: Uint32Array): number {
  const slash = text.indexOf('/')
  const length = readDecimal(text, slash + 1, text.length, 2)
  if (slash === -1 || length === -1 || length > 32 || !readIpv4(text, slash, words)) return -1
  return endsInZeros(words[0]!, 32 - length) ? length : -1
}

/** The same for `2001:db8::/32`, into four words. */
export function readIpv6Prefix(text: string, words: Uint32Array): number {
  const slash = text.indexOf('/')
  const length = readDecimal(text, slash + 1, text.length, 3)
  if (slash === -1 || length === -1 || length > 128 || !readIpv6(text, slash, words)) return -1
  for (let word = 0; word < 4; word += 1) {
    if (!endsInZeros(words[word]!, Math.min(32, Math.max(0, (word + 1) * 32 - length)))) return -1
  }
  return length
}

/** Whether the text up to there is `192.0.2.1`; its number is in the first word then. */
export function readIpv4(text: string, slash: number, words: Uint32Array): boolean {
  let value = 0
  let at = 0
  for (let octet = 0; octet < 4; octet += 1) {
    const end = octet === 3 ? slash : text.indexOf('.', at)
    const number = readDecimal(text, at, end, 3)
    if (number === -1 || number > 255) return false
    value = value * 256 + number
    at = end + 1
  }
  words[0] = value
  return true
}

/** Whether the text up to there is `2001:db8::1`, with no dots; its number is in the four words then. */
export function readIpv6(text: string, slash: number, words: Uint32Array): boolean {
  let count = 0
  /** How many groups stand before `::`. */
  let before = -1
  let at = 0
  if (text.startsWith('::')) {
    before = 0
    at = 2
  }
  while (at < slash) {
    let end = text.indexOf(':', at)
    if (end === -1 || end > slash) end = slash
    const group = readHex(text, at, end)
    if (group === -1 || count === 8) return false
    groups[count] = group
    count += 1
    if (end === slash) break
    at = end + 1
    if (text.charCodeAt(at) === 58) {
      if (before !== -1) return false
      before = count
      at += 1
    } else if (at === slash) return false
  }
  if (before === -1 ? count !== 8 : count > 7) return false
  if (before !== -1) {
    const gap = 8 - count
    for (let index = 7; index >= before; index -= 1)
      groups[index] = index < before + gap ? 0 : groups[index - gap]!
  }
  for (let word = 0; word < 4; word += 1) words[word] = groups[word * 2]! * 65536 + groups[word * 2 + 1]!
  return true
}

const groups = new Uint16Array(8)

function endsInZeros(word: number, bits: number): boolean {
  return bits === 32 ? word === 0 : (word & ((1 << bits) - 1)) === 0
}

/** Without leading zeros, which some read as octal; -1: not such a number. */
function readDecimal(text: string, start: number, end: number, mostDigits: number): number {
  if (end <= start || end - start > mostDigits) return -1
  if (end - start > 1 && text.charCodeAt(start) === 48) return -1
  let number = 0
  for (let at = start; at < end; at += 1) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number
}

function readHex(text: string, start: number, end: number): number {
  if (end <= start || end - start > 4) return -1
  let number = 0
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at)
    const lower = code | 32
    const digit = code >= 48 && code <= 57 ? code - 48 : lower >= 97 && lower <= 102 ? lower - 87 : -1
    if (digit === -1) return -1
    number = number * 16 + digit
  }
  return number
}
