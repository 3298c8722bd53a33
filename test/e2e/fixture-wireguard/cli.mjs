// The probe command alone, on the built code.
import { Command } from 'commander'

const [root, ...words] = process.argv.slice(2)
const { probeCommand } = await import(`${root}/cli/probe.js`)
const { reportFailure } = await import(`${root}/cli/failure.js`)
const program = new Command('anyward').option('--json').exitOverride().addCommand(probeCommand())
try {
  await program.parseAsync(words, { from: 'user' })
} catch (error) {
  process.exitCode = reportFailure(error)
}
