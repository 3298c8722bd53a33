import type { Answers } from './answers.ts'
import { asHostPrefix, asPlainAsn, suggestCovering, suggestProbeAddress } from './suggest.ts'

/** What the WireGuard interface of this machine says; `null`: it says nothing, or there is none. */
export interface DetectedWireguard {
  readonly publicKey: string | null
  readonly port: number | null
  readonly addresses: readonly string[]
}

type Key =
  | 'asn'
  | 'site'
  | 'node'
  | 'daemon'
  | 'routerId'
  | 'anycast'
  | 'covering'
  | 'interface'
  | 'port'
  | 'publicKey'
  | 'tunnelAddress'
  | 'probeAddress'

export interface QuestionText {
  readonly key: Key
  readonly flag: string
  readonly text: string
  readonly example: string
  readonly isList: boolean
  /** The question whose answer gives the default. */
  readonly follows: Key | null
  /** `null`: there is no default, so it is asked, or its flag is required. */
  readonly propose: (answers: Answers, detected: DetectedWireguard) => string | readonly string[] | null
  /** Other ways to write it. */
  readonly normalize: (text: string) => string
}

const sources: Partial<Record<Key, Key>> = {
  node: 'site',
  covering: 'anycast',
  probeAddress: 'tunnelAddress',
}
const asIs = (text: string) => text

/** In the order in which they are asked: a default may come from an earlier answer. */
export const questions: readonly QuestionText[] = [
  question('asn', '--asn', 'Your AS number', '64500', () => null, asPlainAsn),
  question('site', '--site', 'Name of this site', 'fra1', () => null),
  question('node', '--node', 'Name of the node', 'fra1-a', ({ site }) =>
    site === undefined ? null : `${site}-a`,
  ),
  question('daemon', '--daemon', 'Its routing daemon: bird or frr', 'bird', () => null),
  question('routerId', '--router-id', 'Its BGP router id', '10.0.0.11', () => null),
  list(
    'anycast',
    '--anycast',
    'Anycast addresses that clients dial, IPv4 and IPv6',
    '203.0.113.1 2001:db8:51::1',
    () => null,
    asHostPrefix,
  ),
  list(
    'covering',
    '--covering',
    'Prefixes around them that leave your AS',
    '203.0.113.0/24 2001:db8:51::/48',
    ({ anycast }) => {
      const prefixes = anycast?.map(suggestCovering)
      if (prefixes === undefined || prefixes.includes(null)) return null
      return [...new Set(prefixes.filter((prefix) => prefix !== null))]
    },
  ),
  question('interface', '--interface', 'WireGuard interface', 'wg0', () => 'wg0'),
  question('port', '--port', 'Its port', '51820', (_, { port }) => String(port ?? 51820)),
  question(
    'publicKey',
    '--public-key',
    'The server’s public key',
    'what wg show wg0 public-key prints',
    (_, { publicKey }) => publicKey,
  ),
  list(
    'tunnelAddress',
    '--tunnel-address',
    'The server’s address inside the tunnel, with its subnet',
    '10.80.0.1/16',
    (_, { addresses }) => (addresses.length === 0 ? null : addresses),
  ),
  question(
    'probeAddress',
    '--probe-address',
    'A free address of that subnet for the probe',
    '10.80.255.254',
    ({ tunnelAddress = [] }) =>
      tunnelAddress[0] === undefined ? null : suggestProbeAddress(tunnelAddress[0]),
  ),
]

function question(
  key: Key,
  flag: string,
  text: string,
  example: string,
  propose: QuestionText['propose'],
  normalize = asIs,
): QuestionText {
  return { key, flag, text, example, isList: false, follows: sources[key] ?? null, propose, normalize }
}

function list(...args: Parameters<typeof question>): QuestionText {
  return { ...question(...args), isList: true }
}
