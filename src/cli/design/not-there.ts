import { nearestWord } from '../../text/wording.ts'
import { CommandError } from '../failure.ts'

/** A name in an argument is none of the known ones. */
export function notThere(message: string, name: string, known: readonly string[]): CommandError {
  const nearest = nearestWord(name, known)
  const hint = nearest === null ? `there is: ${known.join(', ')}` : `did you mean ${nearest}?`
  return new CommandError(message, { hint: known.length === 0 ? 'there are none' : hint })
}
