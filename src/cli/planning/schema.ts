import { Command } from 'commander'
import { describeFile } from '../../sites/schema/json-schema.ts'
import { describeFields } from '../../sites/schema/reference.ts'

export function schemaCommand(): Command {
  return new Command('schema')
    .description('Prints the JSON Schema of fleet.yaml, for editors.')
    .option('--site', "of a site's file instead")
    .option('--markdown', 'the reference of every field instead, as in docs/sites.md')
    .action(({ site = false, markdown = false }: { site?: boolean; markdown?: boolean }) => {
      const file = site ? 'site' : 'fleet'
      process.stdout.write(
        markdown ? describeFields(file) : `${JSON.stringify(describeFile(file), null, 2)}\n`,
      )
    })
}
