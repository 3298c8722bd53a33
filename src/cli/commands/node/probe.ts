import { Command, InvalidArgumentError } from 'commander'
import { type Address, parseAddress } from '../../../net/prefix.ts'
import type { Endpoint } from '../../../node/wireguard/endpoint-socket.ts'
import { parseDuration } from '../../../text/duration.ts'

/** `anyward probe`: a handshake and echoes, `--count` times, from any machine. */
export function probeCommand(): Command {
  return (
    new Command('probe')
      .summary('test a WireGuard endpoint once')
      .description(
        'Performs a WireGuard handshake with an endpoint, as a client, and pings through the tunnel.',
      )
      .requiredOption('--endpoint <address:port>', 'an IPv6 address in brackets', parseEndpoint)
      .requiredOption('--public-key <key>', "the server's public key")
      .requiredOption('--private-key-file <file>', "the probe's own key; no other prober may use it")
      .option('--preshared-key-file <file>', 'the preshared key of this peer, if it has one')
      .option('--address <address>', "the probe's address in the tunnel; one per address family", addAddress)
      .option('--ping <address>', 'an address in the tunnel to ping; may be repeated', addAddress)
      .option('--count <n>', 'number of attempts', parseCount, 1)
      .option('--interval <duration>', 'the pause between two attempts (default: 200ms)', parseDurationOption)
      .option(
        '--timeout <duration>',
        'limit for each attempt, pings included (default: 1s)',
        parseDurationOption,
      )
      // A wrong argument is exit code 2 here, and commander's own would be 1.
      .exitOverride()
      .action(async (_options: unknown, command: Command) => {
        const { runProbe } = await import('../../node/probe.ts')
        await runProbe(command.optsWithGlobals())
      })
  )
}

function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  if (match === null) {
    throw new InvalidArgumentError('Write one such as 192.0.2.1:51820 or [2001:db8::1]:51820.')
  }
  const address = parseOptionAddress(match[1] ?? match[2] ?? '')
  if ((address.family === 'ipv6') !== (match[1] !== undefined)) {
    throw new InvalidArgumentError('Write an IPv6 address in brackets, and an IPv4 address without.')
  }
  const port = Number(match[3])
  if (port < 1 || port > 65_535) throw new InvalidArgumentError('A port is 1 to 65535.')
  return { address: address.toString(), port }
}

function addAddress(text: string, previous: readonly Address[] = []): Address[] {
  return [...previous, parseOptionAddress(text)]
}

function parseOptionAddress(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new InvalidArgumentError(`"${text}" ${parsed.problem}: ${parsed.hint}.`)
  return parsed.value
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1 to 999999.')
  return Number(text)
}

function parseDurationOption(text: string): number {
  const ms = parseDuration(text)
  if (ms === null || ms < 10)
    throw new InvalidArgumentError('Write one such as 300ms or 2s, and no less than 10ms.')
  return ms
}
