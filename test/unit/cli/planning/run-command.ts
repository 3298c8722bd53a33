import { Command } from 'commander'
import { vi } from 'vitest'

/** Runs one command of the program, and captures its output and error. */
export async function runCommand(
  command: Command,
  ...args: string[]
): Promise<{ stdout: string; error: unknown }> {
  let stdout = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    stdout += String(chunk)
    return true
  })
  const program = new Command('anyward')
    .option('--sites <dir>', '', 'sites')
    .option('--json')
    .exitOverride()
    .addCommand(command)
  const error = await program.parseAsync(['node', 'anyward', ...args]).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  vi.restoreAllMocks()
  return { stdout, error }
}
