import * as z from 'zod'
import { fleetFileSchema } from './fleet-file.ts'
import { siteFileSchema } from './site-file.ts'

/** One node of a JSON Schema, as far as ours use it. */
export interface JsonSchema {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | false
}

const titles = { fleet: 'anyward: fleet.yaml', site: 'anyward: a site’s file' } as const

/** The JSON Schema (draft 2020-12) of `fleet.yaml` or of a site's file: the checks of single values. */
export function describeFile(file: 'fleet' | 'site'): JsonSchema {
  const schema = z.toJSONSchema(file === 'fleet' ? fleetFileSchema : siteFileSchema, {
    target: 'draft-2020-12',
    io: 'input',
    // Inline, because editors show the hover text of a reference's target, not of the field.
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => {
      // zod omits the examples of transformed values, which could be of the output. Ours are of the input.
      const examples = z.globalRegistry.get(zodSchema)?.examples as unknown[] | undefined
      if (examples !== undefined) jsonSchema.examples = examples
    },
  })
  return { title: titles[file], ...schema } as JsonSchema
}
