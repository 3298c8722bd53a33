import { interfacePattern, isHostName, publicKeyPattern } from '../../../manifest/values.ts'
import { parseAsn, plainFromAsdot } from '../../../net/asn.ts'
import {
  type Address,
  type Parsed,
  parseAddress,
  parseInterfaceAddress,
  parsePrefix,
} from '../../../net/prefix.ts'
import { quote } from '../../../text/wording.ts'
import { field, type Reading, readWholeNumber, type Shape, textField } from '../fields.ts'
import { OddNumber } from '../yaml/numbers.ts'
import { isPrivateKey } from './private-key.ts'

/** A value that `net` parses. */
export function netField<T>(example: string, shape: Omit<Shape, 'type'>, parse: (text: string) => Parsed<T>) {
  return textField<T>(example, shape, (text) => {
    const parsed = parse(text)
    return parsed.ok ? parsed : { ok: false, message: `${quote(text)} ${parsed.problem}`, hint: parsed.hint }
  })
}

const prefixPattern = '^[0-9a-fA-F:.]+/[0-9]{1,3}$'
export const prefixField = netField(
  '192.0.2.0/24',
  { title: 'prefix without host bits', pattern: prefixPattern },
  parsePrefix,
)
export const addressField = netField(
  '192.0.2.1',
  { title: 'IPv4 or IPv6 address', pattern: '^[0-9a-fA-F:.]+$' },
  parseAddress,
)
export const interfaceAddressField = netField(
  '10.80.0.1/16',
  { title: 'address and length of its subnet', pattern: prefixPattern },
  parseInterfaceAddress,
)

/** Linux: 15 bytes (IFNAMSIZ less its NUL), no slash, no space. */
export const interfaceField = textField(
  'wg0',
  { title: 'interface name', pattern: interfacePattern.source, maxLength: 15 },
  (text) => {
    if (text.length > 15) {
      return {
        ok: false,
        message: `${quote(text)} is longer than 15 characters`,
        hint: 'Linux limits interface names to 15 characters',
      }
    }
    return interfacePattern.test(text)
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not an interface name`,
          hint: 'use letters, digits, _ . and -, with a letter first, such as wg0',
        }
  },
)

/** Canonical base64 of 32 bytes. The value is not shown: the private key looks the same. */
export const publicKeyField = textField(
  'the output of wg pubkey',
  { title: 'WireGuard public key', pattern: publicKeyPattern.source },
  (text) => {
    if (!publicKeyPattern.test(text)) {
      const length = text.length === 44 ? 'not canonical base64' : `${text.length} characters long`
      return {
        ok: false,
        message: `is not a WireGuard public key: it is ${length} (the value is not shown: a private key looks the same)`,
        hint: 'a key is 32 bytes in base64, 44 characters that end in =; wg pubkey prints it',
      }
    }
    if (/^A{43}=$/.test(text)) {
      return { ok: false, message: 'is all zeros', hint: 'write the key that wg pubkey prints' }
    }
    if (isPrivateKey(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)))) {
      return {
        ok: false,
        message: 'is a private key (the value is not shown), which is now no secret any more',
        hint: 'make another one with wg genkey, and write what wg pubkey prints for it',
      }
    }
    return { ok: true, value: text }
  },
)

/** BGP identifier: any dotted quad but 0.0.0.0 (RFC 6286). */
export const routerIdField = textField(
  '10.0.0.11',
  { title: 'dotted quad', pattern: '^[0-9]{1,3}(?:\\.[0-9]{1,3}){3}$' },
  (text) => {
    const parsed = parseAddress(text)
    if (parsed.ok && parsed.value.family === 'ipv4' && parsed.value.value !== 0n) {
      return { ok: true, value: parsed.value.toString() }
    }
    return {
      ok: false,
      message: `${quote(text)} is not a router id`,
      hint: 'write four numbers with dots, unique in the fleet, such as 10.0.0.11; an IPv6-only node needs one too',
    }
  },
)

/** Host and port, an IPv6 address in brackets. The address is `null` for a host name, and all is for anything else. */
function readHostAndPort(text: string): { address: Address | null; port: string } | null {
  const [, bracketed, bare = '', port] = /^(?:\[([^\]]+)\]|([^:]+)):([1-9]\d{0,4})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65535) return null
  const parsed = parseAddress(bracketed ?? bare)
  if (!parsed.ok) return bracketed === undefined && isHostName(bare) ? { address: null, port } : null
  const isIpv6 = parsed.value.family === 'ipv6'
  return isIpv6 === (bracketed !== undefined) ? { address: parsed.value, port } : null
}

/** `host:port`, the host an address: a name could resolve to something public. */
export const listenField = textField(
  '"127.0.0.1:9586"',
  { title: 'address and port', pattern: '^.+:[1-9][0-9]{0,4}$' },
  (text) => {
    const { address = null, port } = readHostAndPort(text) ?? {}
    if (address !== null) {
      return { ok: true, value: address.family === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}` }
    }
    return {
      ok: false,
      message: `${quote(text)} is not an address and a port`,
      hint: 'write 127.0.0.1:9586 or "[::1]:9586"',
    }
  },
)

/** An address or a host name (RFC 1123). */
export const hostField = textField('127.0.0.1', { title: 'address or host name' }, (text) => {
  const parsed = parseAddress(text)
  if (parsed.ok) return { ok: true, value: parsed.value.toString() }
  return isHostName(text)
    ? { ok: true, value: text }
    : { ok: false, message: `${quote(text)} is neither an address nor a host name`, hint: null }
})

/** A server, as a node connects to it. */
export const endpointField = textField(
  '10.9.0.1:2379',
  { title: 'address or host name, and port' },
  (text) => {
    return readHostAndPort(text) !== null
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not a host and a port`,
          hint: 'write one such as 10.9.0.1:2379, "[2001:db8::1]:2379" or etcd1.example.net:2379',
        }
  },
)

export const asnField = field(
  '64500',
  { title: 'AS number', type: 'integer', minimum: 1, maximum: 4294967294 },
  (raw): Reading<number> => {
    const text = raw instanceof OddNumber ? raw.text : typeof raw === 'string' ? raw : null
    if (text !== null) {
      const plain = plainFromAsdot(text)
      if (plain !== null) {
        return {
          ok: false,
          message: `${quote(text)} is in dotted notation, which FRR refuses`,
          hint: `write ${plain}`,
        }
      }
      const asPrefixed = /^AS([1-9]\d{0,9})$/i.exec(text)
      if (asPrefixed !== null) {
        return {
          ok: false,
          message: `expected a whole number, got ${quote(text)}`,
          hint: `write ${asPrefixed[1]}`,
        }
      }
    }
    const whole = readWholeNumber(raw)
    if (!whole.ok) return whole
    const parsed = parseAsn(whole.value)
    return parsed.ok ? parsed : { ok: false, message: `${whole.value} ${parsed.problem}`, hint: parsed.hint }
  },
)
