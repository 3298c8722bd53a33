import { describeFile } from '../../plan/sites/schema/json-schema.ts'
import { describeFields } from '../../plan/sites/schema/reference.ts'

export function printSchema({
  site = false,
  markdown = false,
}: {
  site?: boolean
  markdown?: boolean
}): void {
  const file = site ? 'site' : 'fleet'
  process.stdout.write(markdown ? describeFields(file) : `${JSON.stringify(describeFile(file), null, 2)}\n`)
}
