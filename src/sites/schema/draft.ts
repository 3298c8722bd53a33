import { z } from 'zod'
import type { Community } from '../../net/community.ts'
import type { Address, InterfaceAddress, Prefix } from '../../net/prefix.ts'
import type { PrefixRange } from '../../net/prefix-range.ts'

/** What is left of a file when its mistakes are taken out: a wrong entry is a hole, and the others keep their index. */
export type Draft<T> = T extends Prefix | Address | InterfaceAddress | Community | PrefixRange
  ? T
  : T extends readonly (infer E)[]
    ? (Draft<E> | undefined)[]
    : T extends object
      ? { [K in keyof T]?: Draft<T[K]> | undefined }
      : T

/** The schema by which a file with holes is read, so that the cross-checks can look at the rest. */
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
  // A key that is missing has its default; one with a hole for a value has not: its value was wrong.
  return z.preprocess(
    (raw) =>
      typeof raw === 'object' && raw !== null && !Array.isArray(raw)
        ? { ...Object.fromEntries(defaults), ...raw }
        : raw,
    loose,
  )
}
