import type { Address } from '../../net/prefix.ts'
import { type ProbeAttempt, probeEndpoint } from '../../node/service/probe-endpoint.ts'
import { type Endpoint, formatEndpoint } from '../../node/wireguard/endpoint-socket.ts'
import type { FailureCause } from '../../node/wireguard/exchange.ts'
import type { RouteEnds } from '../../node/wireguard/inner/ip.ts'
import { parsePublicKey, publicKeyOf } from '../../node/wireguard/key.ts'
import { readKeyFile } from '../../node/wireguard/key-file.ts'
import { CommandError, exitCode } from '../failure.ts'
import { withProgress } from '../terminal/progress.ts'

interface ProbeOptions {
  endpoint: Endpoint
  publicKey: string
  privateKeyFile: string
  presharedKeyFile?: string
  address?: Address[]
  ping?: Address[]
  count: number
  interval?: number
  timeout?: number
  json?: boolean
}

interface ProbeReport {
  readonly ok: boolean
  /** Of the first attempt that failed. */
  readonly reason: FailureCause | null
  /** The median of the attempts that succeeded. */
  readonly handshakeMs: number | null
  readonly pings: readonly { readonly target: string; readonly rttMs: number | null }[]
  readonly sent: number
  readonly answered: number
}

export async function runProbe(options: ProbeOptions): Promise<void> {
  const { address = [], ping = [], interval = 200, timeout = 1_000 } = options
  const echoes = ping.map((target) => echoTo(target, address))
  // Not parsed by commander, which quotes an invalid value: it may be a secret by mistake.
  const serverPublicKey = parsePublicKey(options.publicKey)
  if (!serverPublicKey.ok) {
    throw new CommandError(`--public-key ${serverPublicKey.problem}`, { hint: serverPublicKey.hint })
  }
  const privateKey = await readKey('--private-key-file', options.privateKeyFile)
  const presharedKey =
    options.presharedKeyFile === undefined
      ? null
      : await readKey('--preshared-key-file', options.presharedKeyFile)
  const attempts = await withProgress({ lines: 'slow' }, (progress) => {
    progress.step(`probe ${formatEndpoint(options.endpoint)}`)
    return probeEndpoint({
      ...{ endpoint: options.endpoint, privateKey, presharedKey, serverPublicKey: serverPublicKey.value },
      ...{ echoes, count: options.count, intervalMs: interval, timeoutMs: timeout },
    })
  })
  const report = summarize(attempts, echoes)
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else printText(report, attempts, options.endpoint, publicKeyOf(privateKey))
  if (report.ok) return
  process.exitCode = report.reason === 'starved' ? exitCode.failed : exitCode.findings
}

function summarize(attempts: readonly ProbeAttempt[], echoes: readonly RouteEnds[]): ProbeReport {
  const failure = attempts.find((each) => each.failure !== null)?.failure ?? null
  return {
    ok: failure === null,
    reason: failure?.cause ?? null,
    handshakeMs: median(attempts.map((each) => each.handshakeMs)),
    pings: echoes.map(({ target }, index) => ({
      target,
      rttMs: median(attempts.map((each) => each.rttsMs[index] ?? null)),
    })),
    sent: attempts.length,
    answered: attempts.filter((each) => each.failure === null).length,
  }
}

/** Rounded to the microsecond. */
function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b)
  const middle = known[Math.floor(known.length / 2)]
  return middle === undefined ? null : Math.round(middle * 1000) / 1000
}

function printText(
  report: ProbeReport,
  attempts: readonly ProbeAttempt[],
  endpoint: Endpoint,
  ownPublicKey: string,
): void {
  const name = formatEndpoint(endpoint)
  const times = [
    ...(report.handshakeMs === null ? [] : [`handshake ${report.handshakeMs.toFixed(1)} ms`]),
    ...report.pings.flatMap(({ target, rttMs }) =>
      rttMs === null ? [] : [`ping ${target} ${rttMs.toFixed(1)} ms`],
    ),
  ]
  const score = report.sent === 1 ? '' : ` ${report.answered} of ${report.sent} times`
  const median = report.sent === 1 ? '' : ' (medians)'
  const lines: string[] = []
  if (report.answered > 0) lines.push(`${name} answers${score}: ${times.join(', ')}${median}`)
  const failure = attempts.find((each) => each.failure !== null)?.failure
  if (failure) {
    lines.push(`${name} ${failure.detail} [${failure.check}: ${failure.cause}]`)
    const advice =
      failure.check === 'ping' && failure.cause === 'no-reply' ? pingAdvice : advices[failure.cause]
    lines.push(...advice.map((line) => `    ${line}`))
    if (failure.check === 'handshake' && failure.cause === 'no-reply') {
      lines.push(`    This probe's own public key is ${ownPublicKey}`)
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** What each reason means, and what to do next. */
const advices: Record<FailureCause, readonly string[]> = {
  refused: [
    'The host is there, and no process listens on that port.',
    'On the host: is WireGuard up, and is its port this one? wg show INTERFACE listen-port',
  ],
  unreachable: [
    'This machine has no way to that address, or a router sent an error back.',
    'Here: ip route get ADDRESS. Is the prefix announced?',
  ],
  'no-reply': [
    'WireGuard is silent to strangers: it hangs, or a firewall drops UDP, or the keys do not match.',
    'On the host: does wg show INTERFACE public-key print the key that was given with --public-key,',
    "and does wg show INTERFACE allowed-ips list this probe's public key?",
  ],
  unauthenticated: [
    'WireGuard knows this probe, but the secrets differ: usually the preshared key.',
    'Compare --preshared-key-file with the preshared key of this peer on the host.',
  ],
  'under-load': [
    'WireGuard answers with cookies: it receives more handshakes than it can answer.',
    'Not a reason to withdraw the site. Try again with a longer --timeout.',
  ],
  late: [
    'It answers, but not in time.',
    'Check the load of the host and the path, or use a longer --timeout.',
  ],
  malformed: [
    'Something other than WireGuard answers there.',
    'Compare the port with the host: wg show INTERFACE listen-port',
  ],
  starved: [
    'This says nothing about the endpoint: this machine was too busy to measure in time.',
    'Try again, from another machine if need be.',
  ],
  'no-session': ['The session ended before the ping.', 'Try again.'],
  closed: ['The probe was stopped.', 'Try again.'],
}

const pingAdvice = [
  'The handshake works, but the tunnel behind it does not.',
  "On the host: is --address in this peer's allowed-ips, is --ping an address of the host's interface,",
  'is the interface up, and does a firewall drop ICMP?',
]

async function readKey(option: string, path: string): Promise<Buffer> {
  const file = await readKeyFile(path)
  if (file.ok) return file.key
  throw new CommandError(`${option} ${path} ${file.problem}`, { hint: file.hint, cause: file.cause })
}

function echoTo(target: Address, sources: readonly Address[]): RouteEnds {
  const source = sources.find((each) => each.family === target.family)
  if (source === undefined) {
    throw new CommandError(`--ping ${target} needs the probe's own address in the tunnel`, {
      hint: `add --address with the ${target.family === 'ipv4' ? 'IPv4' : 'IPv6'} address that the server allows this peer`,
    })
  }
  return { source: source.toString(), target: target.toString() }
}
