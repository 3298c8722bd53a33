import Handlebars from 'handlebars'
import { describe, expect, test } from 'vitest'
import { compilePlan } from '../../../../src/plan/compile/compile-plan.ts'
import { debianLayout } from '../../../../src/plan/compile/layout.ts'
import { filtersForBird, filtersForFrr } from '../../../../src/plan/render/filters-view.ts'
import { createRenderer } from '../../../../src/plan/render/render.ts'
import { viewForBird, viewForFrr } from '../../../../src/plan/render/view.ts'
import { loadTemplates } from '../../../../src/plan/service/templates.ts'
import { requireFleet } from '../../../../src/plan/sites/load.ts'

/** Handlebars' strict mode lets `{{#if typo}}` and `{{#each typo}}` render nothing: an empty filter, here. */
function findUnknownPaths(source: string, ...nodes: object[]): string[] {
  const unknown: string[] = []
  const builtIn = new Set(Object.keys(Handlebars.helpers))
  const visit = (program: hbs.AST.Program, scopes: readonly unknown[][]) => {
    for (const statement of program.body) {
      if (statement.type === 'MustacheStatement') {
        const path = (statement as hbs.AST.MustacheStatement).path as hbs.AST.PathExpression
        if (builtIn.has(path.original)) unknown.push(`${path.original} is a helper of Handlebars'`)
        resolve(path, scopes)
      }
      if (statement.type === 'BlockStatement') {
        const block = statement as hbs.AST.BlockStatement
        const values = resolve(block.params[0] as hbs.AST.PathExpression, scopes)
        const inner =
          block.path.original === 'each'
            ? [...scopes, values.flatMap((value) => (Array.isArray(value) ? value : []))]
            : scopes
        visit(block.program, inner)
        if (block.inverse) visit(block.inverse, scopes)
      }
    }
  }
  /** All values of the path, over every item of every list around it. */
  const resolve = (path: hbs.AST.PathExpression, scopes: readonly unknown[][]): unknown[] => {
    let values = scopes[scopes.length - 1 - path.depth] ?? []
    for (const part of path.parts as string[]) {
      const objects = values.filter((value) => typeof value === 'object' && value !== null)
      if (objects.length === 0 || objects.some((value) => !(part in (value as object)))) {
        unknown.push(`${path.original} at line ${path.loc.start.line}`)
        return []
      }
      values = objects.map((value) => (value as Record<string, unknown>)[part])
    }
    return values
  }
  visit(Handlebars.parse(source), [nodes])
  return unknown
}

const fleet = await requireFleet('test/golden/kinds')
const plan = compilePlan(fleet, (_site, node) => debianLayout(fleet, node))
const templates = await loadTemplates()
/** Of every node of the kind, so that each list of the templates has items. */
const select = (daemon: string, routing: string) =>
  plan.nodes.filter((node) => node.daemon === daemon && node.routing === routing)
const views: Record<string, object[]> = {
  'bird/bird.conf.hbs': select('bird', 'managed').map(viewForBird),
  'bird/anyward.conf.hbs': select('bird', 'attached').map(filtersForBird),
  'frr/frr.conf.hbs': select('frr', 'managed').map(viewForFrr),
  'frr/anyward.conf.hbs': select('frr', 'attached').map(filtersForFrr),
}

describe('every name in a template is in its view model', () => {
  test.each(Object.keys(views))('%s', (path) => {
    expect(findUnknownPaths(templates.get(path)!, ...views[path]!)).toEqual([])
  })

  test('a misspelled block would be found', () => {
    const source = templates.get('bird/bird.conf.hbs')!.replace('{{#each sessions}}', '{{#each session}}')
    expect(findUnknownPaths(source, ...views['bird/bird.conf.hbs']!)).not.toEqual([])
  })

  test('a name that Handlebars reads as one of its helpers would be found', () => {
    expect(findUnknownPaths('{{log}}', { log: 'x' })).toEqual(["log is a helper of Handlebars'"])
  })
})

describe('a block over a name that is not in the view model is also an error at rendering', () => {
  const [node] = select('bird', 'managed')
  test.each(['{{#each nothing}}{{/each}}', '{{#if nothing}}{{/if}}', '{{#each asn}}{{/each}}'])(
    '%s',
    (source) => {
      const render = createRenderer(new Map(templates).set('bird/bird.conf.hbs', source))
      expect(() => render(node!)).toThrow(TypeError)
    },
  )
})
