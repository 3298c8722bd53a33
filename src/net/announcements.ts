/**
 * How a prefix is announced: `degraded` is as unattractive as the YAML says for each neighbor (RFC 8326,
 * prepended, MED), so that traffic goes to another site where there is one.
 */
export type Grade = 'normal' | 'degraded'

/** What is announced, by canonical prefix: decided, desired, originated, or advertised to one neighbor. */
export type Announcements = ReadonlyMap<string, Grade>

export const nothingAnnounced: Announcements = new Map()

/** None of them degraded. */
export function normally(prefixes: Iterable<string>): Announcements {
  return new Map([...prefixes].map((prefix) => [prefix, 'normal']))
}

export function sameAnnouncements(a: Announcements, b: Announcements): boolean {
  return a.size === b.size && [...a].every(([prefix, grade]) => b.get(prefix) === grade)
}
