import { InvalidArgumentError } from 'commander'

export const defaultStateDir = '/var/lib/anyward'
export const defaultBundle = '/etc/anyward/bundle'

/** The values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

export function parseSites(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Write a number of sites, such as 2.')
  return Number(text)
}
