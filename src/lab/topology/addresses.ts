import { type Address, parseAddress } from '../../net/prefix.ts'

/** For address constants. */
export function constantAddress(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(`${text} ${parsed.problem}`)
  return parsed.value
}
