import { Command, InvalidArgumentError, Option } from 'commander'
import { parseAddress } from '../../../net/prefix.ts'
import { parseDuration } from '../../../text/duration.ts'

export function rtrCommand(): Command {
  return new Command('rtr')
    .summary('serve VRPs to routers (RFC 8210)')
    .description(
      'Serves the last good VRPs to routers by RTR (RFC 8210), for as long as it runs. Logs JSON lines to stderr.',
    )
    .option(
      '--vrps <file>',
      "a validator's JSON, read again when it changes; by default the one in fleet.yaml",
    )
    .option('--slurm <file>', 'local exceptions (RFC 8416)')
    .option('--listen <address:port>', 'where routers connect (default: 127.0.0.1:3324)', parseListen)
    .option('--state <dir>', 'where the last good VRPs are kept across restarts')
    .option(
      '--max-age <duration>',
      'maximum age of the file; an older one is refused (default: 24h)',
      parseSpan,
    )
    .addOption(
      new Option('--poll <duration>', 'interval of the checks for a changed file')
        .argParser(parseSpan)
        .default(5000, '5s'),
    )
    .option('--metrics <address:port>', 'serve /healthz, /status and /metrics there')
    .exitOverride()
    .action(async (_options: unknown, command: Command) => {
      const { rtr } = await import('../../design/rtr.ts')
      await rtr(command.optsWithGlobals(), command.getOptionValueSourceWithGlobals('sites') === 'cli')
    })
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const address = parseAddress(match?.[1] ?? match?.[2] ?? '')
  const port = Number(match?.[3])
  if (!address.ok || port > 65_535 || (address.value.family === 'ipv6') !== (match?.[1] !== undefined)) {
    throw new InvalidArgumentError('Write one such as 127.0.0.1:3324 or [::1]:3324.')
  }
  return { host: address.value.toString(), port }
}

function parseSpan(text: string): number {
  const ms = parseDuration(text)
  if (ms === null || ms < 10) throw new InvalidArgumentError('Write one such as 5s, 30m or 24h.')
  return ms
}
