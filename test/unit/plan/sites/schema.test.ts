import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { describeFile, type JsonSchema } from '../../../../src/plan/sites/schema/json-schema.ts'
import { base } from '../../../invalid/base.ts'

const schemas = { fleet: describeFile('fleet'), site: describeFile('site') }
/** The JSON Schema as a validator reads it: these tests use none of the code of the fields. */
const validators = {
  fleet: z.fromJSONSchema(JSON.parse(JSON.stringify(schemas.fleet))),
  site: z.fromJSONSchema(JSON.parse(JSON.stringify(schemas.site))),
}

function accepts(name: string, text: string): boolean {
  return validators[name.endsWith('fleet.yaml') ? 'fleet' : 'site'].safeParse(parse(text)).success
}

test.each([
  ...['fleet', 'ams1', 'fra1', 'nyc1'].map((name) => `sites/${name}.yaml`),
  ...['fleet', 'bru1', 'zrh1'].map((name) => `test/golden/kinds/${name}.yaml`),
  ...['fleet', 'oslo', 'rome'].map((name) => `test/e2e/fixtures/fleet/${name}.yaml`),
  ...['fleet', 'lima', 'oslo', 'rome'].map((name) => `test/e2e/fixtures/fleet-mixed/${name}.yaml`),
])('the JSON Schema accepts %s', async (file) => {
  expect(accepts(file, await readFile(file, 'utf8'))).toBe(true)
})

test.each([
  ['fleet.yaml', 'asn: 64500', 'asn: AS64500'],
  ['fleet.yaml', 'asn: 64500', 'asn: 4294967296'],
  ['fleet.yaml', 'asn: 64500', 'asm: 64500'],
  ['fleet.yaml', '  vpn:', '  "my vpn":'],
  ['fleet.yaml', 'anycast: [192.0.2.1/32, "2001:db8:51::1/128"]', 'anycast: []'],
  ['fleet.yaml', 'covering: [192.0.2.0/24,', 'covering: [192.0.2.0,'],
  ['fleet.yaml', 'port: 51820', 'port: 70000'],
  ['fleet.yaml', 'interval: 200ms', 'interval: 200'],
  ['fleet.yaml', 'interval: 200ms', 'interval: 0.2s'],
  ['fleet.yaml', 'onStop: withdraw', 'onStop: stop'],
  ['fleet.yaml', 'rpki:\n', 'rpki:\n  atExpiry: last_good\n'],
  ['fleet.yaml', 'rpki:\n', 'planner: { schedule: 10 }\nrpki:\n'],
  ['fra1.yaml', 'routerId: 10.0.0.11', 'routerId: 11'],
  ['fra1.yaml', 'daemon: bird', 'daemon: openbgpd'],
  ['fra1.yaml', 'daemon: bird', 'daemon: bird\n    daemonVersion: 8.4'],
  ['fra1.yaml', 'import: default-only', 'import: default'],
  ['fra1.yaml', 'import: default-only', 'limit: 0'],
  ['fra1.yaml', 'import: default-only', 'relax: [path-lenght]'],
  ['fra1.yaml', 'import: default-only', 'tighten: { rejectPrefixes: [203.0.113.0/24-32] }'],
  ['fra1.yaml', 'import: default-only', 'irr: {}'],
  ['fra1.yaml', 'import: default-only', 'irr: { asSet: AS-EXAMPLE, file: a.txt }'],
  ['fra1.yaml', 'import: default-only', 'hostRoutes: no'],
  ['fra1.yaml', 'import: default-only', 'role: costumer'],
  ['fra1.yaml', 'import: default-only', 'multihop: 256'],
  ['fra1.yaml', 'passwordFile: /etc', 'passwordFile: etc'],
  ['fra1.yaml', '        passwordFile: /etc/anyward/transit1.password', '        password: secret'],
])('the JSON Schema refuses %s with %s replaced by %s', (name, from, to) => {
  const text = base[name]!
  expect(text).toContain(from)
  expect(accepts(name, text)).toBe(true)
  expect(accepts(name, text.replace(from, to))).toBe(false)
})

test('every field has a description, and every value a type and an example', () => {
  const silent: string[] = []
  const visit = (path: string, schema: JsonSchema) => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const at = `${path}.${name}`
      if (field.description === undefined) silent.push(`${at}: no description`)
      if (field.type === undefined) silent.push(`${at}: no type`)
      const value = field.items ?? field
      const maps = [field, field.items, field.additionalProperties].flatMap((map) =>
        typeof map === 'object' && map.type === 'object' ? [map] : [],
      )
      for (const map of maps) visit(at, map)
      const shown = [field.default, field.examples, value.examples, value.enum].some(
        (part) => part !== undefined,
      )
      if (maps.length === 0 && !shown) silent.push(`${at}: no example`)
    }
  }
  visit('fleet', schemas.fleet)
  visit('site', schemas.site)
  expect(silent).toEqual([])
})

test('each default in the JSON Schema is valid', () => {
  const wrong: string[] = []
  const visit = (path: string, schema: JsonSchema) => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const validator = z.fromJSONSchema(JSON.parse(JSON.stringify(field)))
      for (const shown of [field.default, ...(field.examples ?? [])]) {
        if (shown !== undefined && !validator.safeParse(shown).success) wrong.push(`${path}.${name}`)
      }
      for (const map of [field, field.items, field.additionalProperties]) {
        if (typeof map === 'object') visit(`${path}.${name}`, map)
      }
    }
  }
  visit('fleet', schemas.fleet)
  visit('site', schemas.site)
  expect(wrong).toEqual([])
})
