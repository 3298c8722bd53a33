#!/usr/bin/env node
import { Command } from 'commander'
import { reportFailure } from './failure.ts'

const program = new Command('anyward')
  .description('Keeps a WireGuard VPN reachable on one anycast address from many sites.')
  .option('--sites <dir>', 'the folder with fleet.yaml and one file a site', 'sites')
  .option('--json', 'one JSON document on stdout, and nothing else there')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride()

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportFailure(error)
}
