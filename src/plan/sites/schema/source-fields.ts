import { readSchedule } from '../../../manifest/cron.ts'
import { plannerKeyPattern } from '../../../manifest/planner-keys.ts'
import { birdProtocolPattern, isHostName, isTimezone } from '../../../manifest/values.ts'
import { quote } from '../../../text/wording.ts'
import { textField } from '../fields.ts'

/** A file on the machine that runs the planner. Its name is shown in messages and in comments of generated files. */
export function localFileField(example: string) {
  return textField(
    example,
    { title: 'path on the planner’s machine', pattern: filePattern.source },
    (text) =>
      text.length <= 1024 && filePattern.test(text) && !text.endsWith('/')
        ? { ok: true, value: text }
        : {
            ok: false,
            message: `${quote(text)} is not the path of a file`,
            hint: 'use letters, digits, inner spaces, and . _ @ + = , / -, such as vrps.json',
          },
  )
}

const filePattern = /^[A-Za-z0-9._@+=,/](?:[A-Za-z0-9._@+=,/ -]*[A-Za-z0-9._@+=,/-])?$/

/** `host` or `host:port`: bgpq4 reads everything after the first colon as the port, so IPv6 addresses are refused. */
export const irrServerField = textField(
  'rr.ntt.net',
  { title: 'host name or IPv4 address, and port' },
  (text) => {
    const [, host, port] = /^([^:]+)(?::([1-9]\d{0,4}))?$/.exec(text) ?? []
    const isAddress = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/.test(host ?? '')
    return host !== undefined && (isAddress || isHostName(host)) && Number(port ?? 43) <= 65535
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not a server name`,
          hint: /:.*:/.test(text)
            ? 'bgpq4 accepts no IPv6 address here: write the name of the server'
            : 'write one such as rr.ntt.net or whois.example.net:4343',
        }
  },
)

export const irrSourceField = textField(
  'RIPE',
  { title: 'IRR database', pattern: '^[A-Z][A-Z0-9-]{0,31}$' },
  (text) =>
    /^[A-Z][A-Z0-9-]{0,31}$/.test(text)
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not an IRR database`,
          hint: /^[A-Z][A-Z0-9-]{0,31}$/i.test(text)
            ? `write ${text.toUpperCase()}`
            : 'write names such as RIPE, ARIN or RADB',
        },
)

export const versionField = textField(
  '"2.0.12"',
  { title: 'version', pattern: '^[0-9]{1,3}(?:\\.[0-9]{1,3}){1,2}$' },
  (text) =>
    /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){1,2}$/.test(text)
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not a version`,
          hint: `write the numbers alone, such as ${/^v?(\d{1,3}(?:\.\d{1,3}){1,2})/.exec(text)?.[1] ?? '2.0.12 or 8.4.4'}`,
        },
)

/** The name of a protocol in the engineer's own configuration of BIRD. */
export const protocolField = textField(
  'transit_a',
  { title: 'name of a BIRD protocol', pattern: birdProtocolPattern.source },
  (text) =>
    birdProtocolPattern.test(text)
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not the name of a BIRD protocol`,
          hint: 'write it as `birdc show protocols` prints it, without quotes inside',
        },
)

export const scheduleField = textField(
  '"*/10 * * * *"',
  { title: 'five cron fields', maxLength: 128 },
  readSchedule,
)

/** The value is not shown: it may be the private key, written here by mistake. */
export const plannerKeyField = textField(
  '"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAPAORbqbNMyUXh8a1vs2ZOZxfkKvxNT/FI2EeNiknnD planner@example"',
  { title: 'line of an OpenSSH .pub file', pattern: plannerKeyPattern.source, maxLength: 300 },
  (raw) => {
    const text = raw.trim()
    if (text.length <= 300 && plannerKeyPattern.test(text)) return { ok: true, value: text }
    const hint =
      'write the line of its .pub file: ssh-ed25519, the key and a comment of letters, digits, spaces and . , : ( ) _ / @ + = -'
    if (text.includes('PRIVATE KEY')) {
      return { ok: false, message: 'is a private key (it is not shown)', hint: `make a new one, and ${hint}` }
    }
    const [, type] = /^((?:ssh|ecdsa|sk)-[a-z0-9@.-]{1,60}) /.exec(text) ?? []
    return type === undefined || type === 'ssh-ed25519'
      ? { ok: false, message: 'is not an Ed25519 public key of OpenSSH (it is not shown)', hint }
      : {
          ok: false,
          message: `is a key of type ${type}`,
          hint: 'make an Ed25519 key: ssh-keygen -t ed25519 -f planner',
        }
  },
)

/** A name to query at a resolver (RFC 1035, section 2.3.1). */
export const dnsNameField = textField('example.com', { title: 'host name' }, (text) =>
  isHostName(text)
    ? { ok: true, value: text }
    : { ok: false, message: `${quote(text)} is not a host name`, hint: 'write one such as example.com' },
)

/** One argument of a program; the first is the program itself. */
export const argumentField = textField(
  '/usr/local/bin/check-upstream',
  { title: 'argument', maxLength: 1024 },
  (text) =>
    text.length <= 1024 && !hasControl(text)
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not an argument`,
          hint: 'at most 1024 characters, and no control characters',
        },
)

function hasControl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  return /[\0-\x1f\x7f]/.test(text)
}

export const timezoneField = textField(
  'Europe/Berlin',
  { title: 'IANA time zone', pattern: '^[A-Za-z][A-Za-z0-9_+/-]{1,63}$' },
  (text) =>
    isTimezone(text)
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not a time zone`,
          hint: 'write one such as Europe/Berlin, or UTC',
        },
)
