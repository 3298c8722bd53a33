import { Command } from 'commander'
import { asStartedOption, dryRunOption, rolloutDescriptions } from '../rollout/rollout.ts'
import { parseTime } from './parse-time.ts'

export type LabRolloutCommand = keyof typeof rolloutDescriptions

export function labRolloutCommand(): Command {
  const command = new Command('rollout')
    .summary('rehearse a rollout in the lab')
    .description(
      'Brings the fleet in the YAML to the nodes of the running lab, in waves, as `anyward rollout` does to real nodes. A wave that is not well is undone.',
    )
  for (const [name, description] of Object.entries(rolloutDescriptions)) {
    const subcommand = new Command(name).description(description)
    if (name === 'start') {
      subcommand
        .addOption(dryRunOption())
        .option('--soak <duration>', 'in place of `soak` in fleet.yaml', parseTime)
    }
    if (name === 'resume') subcommand.addOption(asStartedOption())
    subcommand.action(async (_options: unknown, given: Command) => {
      const { labRollout } = await import('../../rehearse/rollout.ts')
      const isGiven = given.getOptionValueSourceWithGlobals('sites') !== 'default'
      await labRollout(name as LabRolloutCommand, given.optsWithGlobals(), isGiven)
    })
    command.addCommand(subcommand)
  }
  return command
}
