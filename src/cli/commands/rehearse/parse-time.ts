import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../../../text/duration.ts'

export function parseTime(text: string): number {
  const parsed = parseDuration(text)
  if (parsed === null) throw new InvalidArgumentError('Write a duration such as 60s.')
  return parsed
}
