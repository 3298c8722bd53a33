import { readSysctl } from '../../../../linux/inspect/sysctl.ts'
import { type Check, error, type Found, warning } from '../../check.ts'

/** WireGuard's keepalive behind NAT, as clients configure it. */
const keepaliveS = 25
const folder = 'net/netfilter'

export interface ConntrackFacts {
  readonly used: number | null
  readonly most: number | null
  readonly udpS: number | null
  readonly streamS: number | null
}

/** `null` everywhere: the kernel tracks no connections here. */
export const conntrack: Check = {
  name: 'conntrack',
  reads: 'how full the table of tracked connections is, and how long it keeps a UDP flow',
  async examine() {
    const [used, most, udpS, streamS] = await Promise.all(
      [
        'nf_conntrack_count',
        'nf_conntrack_max',
        'nf_conntrack_udp_timeout',
        'nf_conntrack_udp_timeout_stream',
      ].map((name) => readSysctl(`${folder}/${name}`)),
    )
    return judgeConntrack({ used: used!, most: most!, udpS: udpS!, streamS: streamS! })
  },
}

export function judgeConntrack({ used, most, udpS, streamS }: ConntrackFacts): Found[] {
  const found: Found[] = []
  if (used !== null && most !== null && most > 0 && used / most >= 0.8) {
    const share = Math.floor((used / most) * 100)
    const message = `the table of tracked connections is ${share} % full (${used} of ${most}): then new clients are dropped`
    const cure =
      'raise net.netfilter.nf_conntrack_max, or exclude the port: `udp dport PORT notrack` in a raw chain'
    found.push(share >= 95 ? error(message, cure) : warning(message, cure))
  }
  const short = [
    ['nf_conntrack_udp_timeout', udpS],
    ['nf_conntrack_udp_timeout_stream', streamS],
  ] as const
  for (const [name, seconds] of short) {
    if (seconds === null || seconds > keepaliveS) continue
    const message = `${name} is ${seconds} s: a client that sends a keepalive every ${keepaliveS} s is forgotten in between`
    found.push(
      warning(message, `net.netfilter.${name} = ${name.endsWith('stream') ? 120 : 60} in /etc/sysctl.d`),
    )
  }
  return found
}
