import { describeFile, type JsonSchema } from './json-schema.ts'

/** The reference of every field in Markdown, a table for each map of the file. */
export function describeFields(file: 'fleet' | 'site'): string {
  const heading = file === 'fleet' ? 'fleet.yaml' : 'A site’s file'
  return [`## ${heading}`, '', ...describeMap('', describeFile(file))].join('\n')
}

/** A map's own fields, then the maps inside it, each under a heading of its own. */
function describeMap(path: string, schema: JsonSchema): string[] {
  const lines = ['| field | value | default | what it is |', '|---|---|---|---|']
  const inner: string[] = []
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const isRequired = schema.required?.includes(name) === true
    const cells = [
      `\`${name}\``,
      describeValue(field),
      describeDefault(field, isRequired),
      describeUse(field),
    ]
    lines.push(`| ${cells.join(' | ')} |`)
    const [suffix, map] = findMap(field)
    if (map === null) continue
    const at = `${path}${path === '' ? '' : '.'}${name}${suffix}`
    inner.push(`### ${at}`, '', ...describeMap(at, map))
  }
  return [...lines, '', ...inner]
}

/** The map of a field, its list items or its named entries, with the suffix of the path. */
function findMap(field: JsonSchema): [suffix: string, map: JsonSchema | null] {
  if (field.properties !== undefined) return ['', field]
  if (field.items?.properties !== undefined) return ['[]', field.items]
  const named = field.additionalProperties
  return typeof named === 'object' && named.properties !== undefined ? ['.NAME', named] : ['', null]
}

function describeValue(field: JsonSchema): string {
  if (field.items !== undefined)
    return `list: ${field.items.properties ? 'maps, below' : describeValue(field.items)}`
  const named = field.additionalProperties
  if (typeof named === 'object' && named.properties === undefined) return `map: ${describeValue(named)}`
  if (field.enum !== undefined) return field.enum.map((word) => `\`${word}\``).join(', ')
  return field.title ?? 'map, below'
}

function describeDefault(field: JsonSchema, isRequired: boolean): string {
  if (isRequired) return ''
  if (field.default === undefined) return leftOut.exec(field.description ?? '')?.[1] ?? 'none'
  if (field.properties !== undefined) return 'below'
  return `\`${yamlOf(field.default)}\``
}

/** How a description states the default where that is not a value. */
const leftOut = / ?Left out: (.+?)\.(?= |$)/

function describeUse(field: JsonSchema): string {
  const use = (field.description ?? '').replace(leftOut, '')
  const [example] = field.examples ?? (field.items?.examples ?? []).map((entry) => [entry])
  const isShown = Array.isArray(field.default) ? field.default.length > 0 : field.default !== undefined
  return example === undefined || isShown ? use : `${use} Example: \`${yamlOf(example)}\`.`
}

const plainText =
  /^(?:[A-Za-z/][\w./@-]*(?: [\w.-]+)*|AS[\w:-]+|\d+(?:\.\d+){3}(?:\/\d+(?: [gl]e \d+)*)?|\d+(?:ms|[smh]))$/

/** On one line, with quotes only where YAML needs them. */
function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(', ')}]`
  if (typeof value !== 'string') return JSON.stringify(value)
  return plainText.test(value) ? value : JSON.stringify(value)
}
