import { Command } from 'commander'
import { afterEach, expect, test, vi } from 'vitest'
import { schemaCommand } from '../../../../src/cli/commands/design/schema.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

async function print(...args: string[]): Promise<string> {
  let stdout = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    stdout += String(chunk)
    return true
  })
  await new Command('anyward')
    .option('--json')
    .addCommand(schemaCommand())
    .parseAsync(['node', 'anyward', ...args])
  return stdout
}

test('schema prints one JSON document for fleet.yaml', async () => {
  const schema = JSON.parse(await print('schema'))
  expect(schema).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    required: ['asn', 'services'],
    additionalProperties: false,
  })
  expect(await print('--json', 'schema')).toBe(await print('schema'))
})

test('schema --site prints the schema of a site’s file', async () => {
  expect(JSON.parse(await print('schema', '--site'))).toMatchObject({ required: ['site', 'nodes'] })
})

test('schema --markdown prints the reference', async () => {
  expect(await print('schema', '--markdown')).toMatch(/^## fleet\.yaml\n/)
})
