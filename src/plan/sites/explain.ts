import type * as z from 'zod'
import { formatPath, nearestWord, type Path, quote } from '../../text/wording.ts'
import { describeValue } from './fields.ts'
import type { Finding } from './finding.ts'
import type { Source } from './yaml/source.ts'

type ZodIssue = z.core.$ZodIssue

const secretKeys = /^(?:password|passphrase|secret|psk|key|privatekey|presharedkey)$/i

/** Converts the issues of zod into findings with messages. */
export function explainIssues(issues: readonly ZodIssue[], schema: z.ZodType, source: Source): Finding[] {
  const findings = issues.flatMap((issue) => explainIssue(issue, schema, source))
  // A misspelt key is not also missing.
  const meant = new Set(findings.flatMap(({ means }) => (means === undefined ? [] : [formatPath(means)])))
  return findings.filter(({ message, path }) => message !== missing || !meant.has(formatPath(path)))
}

/** `means`: the path of the key that an unknown one stands for. */
type Explained = Finding & { readonly means?: Path }

const missing = 'is missing'

function explainIssue(issue: ZodIssue, schema: z.ZodType, source: Source): Explained[] {
  const path = issue.path as Path
  const error = (message: string, hint: string | null): Finding => ({
    severity: 'error',
    file: source.file,
    path,
    message,
    hint,
  })
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(schema, path)
      return issue.keys.map((key) => {
        const { message, hint, means } = explainUnknownKey(key, known)
        return {
          ...error(message, hint),
          path: [...path, key],
          part: 'key',
          ...(means === null ? {} : { means: [...path, means] }),
        }
      })
    }
    case 'invalid_type': {
      const isList = issue.expected === 'array'
      const value = valueAt(source.value, path)
      const shape = isList ? 'it is a list' : mapHint(schema, path)
      if (value === undefined) return [error(missing, shape)]
      if (path.length === 0) {
        // The file may be there by mistake and may be a key, so its text is not shown.
        return [
          value === null
            ? error('the file is empty', shape)
            : error(
                `expected a map, got ${typeof value === 'string' ? 'text' : describeValue(value)}`,
                shape,
              ),
        ]
      }
      if (value === null) return [error('has no value', shape)]
      const last = path.at(-1)
      const hint =
        last === 'bfd'
          ? 'write bfd: {} for the defaults, or leave it out'
          : isList && typeof value === 'string' && /^[\w./-]{1,40}$/.test(value)
            ? `write [${value}]`
            : shape
      return [error(`expected ${isList ? 'a list' : 'a map'}, got ${describeValue(value)}`, hint)]
    }
    case 'too_small':
      return [error('is an empty list', 'add at least one entry')]
    case 'custom':
      return [error(issue.message, (issue.params?.hint as string | null | undefined) ?? null)]
    default:
      return [error(issue.message, null)]
  }
}

function explainUnknownKey(
  key: string,
  known: readonly string[],
): { message: string; hint: string; means: string | null } {
  const fileKey = known.find((candidate) => candidate.toLowerCase() === `${key}File`.toLowerCase()) ?? null
  if (secretKeys.test(key) || fileKey !== null) {
    return {
      message: `${quote(key)}: secrets are not allowed in the YAML`,
      hint:
        fileKey === null
          ? 'leave it out: keep it in a file on the node'
          : `keep it in a file on the node, and write its path: ${fileKey}: /etc/anyward/…`,
      means: fileKey,
    }
  }
  const nearest = nearestWord(key, known)
  return {
    message: `${quote(key)} is not a known key`,
    hint: nearest === null ? `known keys: ${known.join(', ')}` : `did you mean ${nearest}?`,
    means: nearest,
  }
}

function mapHint(schema: z.ZodType, path: Path): string {
  const known = keysAt(schema, path)
  return known.length === 0
    ? 'it is a map whose keys are names'
    : `it is a map with the keys ${known.join(', ')}`
}

/** The keys of the map that the schema has at a path; none where it has no map, or one of free names. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let at = unwrap(schema)
  for (const step of path) {
    const next =
      at.type === 'object'
        ? at.shape?.[step]
        : at.type === 'array'
          ? at.element
          : at.type === 'record'
            ? at.valueType
            : undefined
    if (next === undefined) return []
    at = unwrap(next)
  }
  return Object.keys(at.shape ?? {})
}

/** The parts of zod's classes that the walk above uses. */
interface Described {
  readonly type: string
  readonly shape?: Record<string | number, z.ZodType>
  readonly element?: z.ZodType
  readonly valueType?: z.ZodType
}

function unwrap(schema: z.ZodType): Described {
  let at = schema as z.ZodType & { readonly unwrap?: () => z.ZodType }
  while (['optional', 'prefault'].includes(at.type) && at.unwrap !== undefined) at = at.unwrap()
  return at as unknown as Described
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}
