import { userInfo } from 'node:os'
import { CommandError } from './failure.ts'

export interface ForceOptions {
  readonly force?: true
  readonly reason?: string
}

/** The user of a forced order, for the log; `null`: it is not forced. Throws CommandError without a reason. */
export function userOf({ force, reason }: ForceOptions): string | null {
  if (force !== true) return null
  if (reason === undefined) {
    throw new CommandError('--force needs --reason', { hint: 'both are logged, with your user name' })
  }
  return userName()
}

/** Who runs this command, for the log. */
export function userName(): string {
  if (process.env.SUDO_USER) return process.env.SUDO_USER.slice(0, 100)
  try {
    return userInfo().username
  } catch {
    // Such as in a container: the user has no name.
    return `uid ${process.getuid!()}`
  }
}
