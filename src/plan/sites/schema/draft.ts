import * as z from 'zod'
import type { Community } from '../../../net/community.ts'
import type { Address, InterfaceAddress, Prefix } from '../../../net/prefix.ts'
import type { PrefixRange } from '../../../net/prefix-range.ts'

/** The contents of a file without its invalid values: an invalid entry is a hole, and the others keep their index. */
export type Draft<T> = T extends Prefix | Address | InterfaceAddress | Community | PrefixRange
  ? T
  : T extends readonly (infer E)[]
    ? (Draft<E> | undefined)[]
    : T extends object
      ? { [K in keyof T]?: Draft<T[K]> | undefined }
      : T

/** The schema for a file with holes, so that the cross-checks can check the rest. */
export function draftOf<T>(schema: z.ZodType<T>): z.ZodType<Draft<T>> {
  return looseOf(schema) as z.ZodType<Draft<T>>
}

function looseOf(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return looseOf(schema.unwrap() as z.ZodType)
  }
  if (schema instanceof z.ZodArray) return z.array(looseOf(schema.element as z.ZodType).optional())
  if (schema instanceof z.ZodRecord) {
    return z.record(z.string(), looseOf(schema.valueType as z.ZodType).optional())
  }
  if (!(schema instanceof z.ZodObject)) return schema
  const fields = Object.entries(schema.shape as Record<string, z.ZodType>)
  const defaults = fields.flatMap(([key, field]) =>
    field instanceof z.ZodPrefault ? [[key, field.def.defaultValue] as const] : [],
  )
  const loose = z.strictObject(
    Object.fromEntries(fields.map(([key, field]) => [key, looseOf(field).optional()])),
  )
  // A missing key gets its default; a key whose value is a hole does not, because its value was invalid.
  return z.preprocess(
    (raw) =>
      typeof raw === 'object' && raw !== null && !Array.isArray(raw)
        ? { ...Object.fromEntries(defaults), ...raw }
        : raw,
    loose,
  )
}
