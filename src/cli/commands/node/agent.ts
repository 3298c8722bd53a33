import { Command } from 'commander'

export function agentCommand(): Command {
  return new Command('agent')
    .summary('carry out what a rollout orders in the store')
    .description(
      'Follows what `anyward rollout --via store` orders for this node: fetches its bundle, verifies it, drains the node where the change restarts sessions, applies, and reports. Logs JSON lines to stderr.',
    )
    .requiredOption('--bundle <dir>', "this node's installed bundle")
    .action(async ({ bundle }: { bundle: string }) => {
      const { agent } = await import('../../node/agent.ts')
      await agent(bundle)
    })
}
