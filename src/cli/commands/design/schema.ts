import { Command } from 'commander'

export function schemaCommand(): Command {
  return new Command('schema')
    .summary('print the JSON Schema of the YAML')
    .description('Prints the JSON Schema of fleet.yaml, for editors.')
    .option('--site', 'the schema of a site’s file instead')
    .option('--markdown', 'the reference of every field instead, as in docs/sites.md')
    .action(async (options: { site?: boolean; markdown?: boolean }) => {
      const { printSchema } = await import('../../design/schema.ts')
      printSchema(options)
    })
}
