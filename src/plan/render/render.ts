import Handlebars from 'handlebars'
import { renderAnnouncements } from '../../manifest/announcements.ts'
import type { BundleFile } from '../../manifest/bundle-file.ts'
import { type DaemonKind, filtersFile } from '../../manifest/daemon-kinds.ts'
import { plannerKeysName, renderPlannerKeys } from '../../manifest/planner-keys.ts'
import type { NodePlan } from '../compile/plan.ts'
import { filtersForBird, filtersForFrr } from './filters-view.ts'
import { viewForBird, viewForFrr } from './view.ts'

/** Template sources by their path below templates/, such as `bird/bird.conf.hbs`. */
export type Templates = ReadonlyMap<string, string>

export type Renderer = (node: NodePlan) => readonly BundleFile[]

/** The files of a node's bundle, without its manifest. */
export function createRenderer(templates: Templates): Renderer {
  // Nothing is escaped, since these are not HTML: the schema keeps quotes, braces and newlines out of names.
  const handlebars = Handlebars.create()
  handlebars.registerHelper({ each: printEach, if: printIf })
  const compiled = new Map(
    [...templates].map(([path, source]) => [
      path,
      // Without other helpers and `@` names, Handlebars looks each name up only once.
      handlebars.compile(source, { noEscape: true, strict: true, knownHelpersOnly: true, data: false }),
    ]),
  )
  const render = (path: string, view: object): string => {
    const template = compiled.get(path)
    if (template === undefined) throw new Error(`there is no template ${path}`)
    return template(view)
  }
  const renderers: Readonly<Record<DaemonKind, Renderer>> = {
    bird: (node) => [
      { path: 'announce.conf', content: renderAnnouncements([]) },
      node.routing === 'attached'
        ? { path: filtersFile, content: render('bird/anyward.conf.hbs', filtersForBird(node)) }
        : { path: 'bird.conf', content: render('bird/bird.conf.hbs', viewForBird(node)) },
    ],
    frr: (node) => [
      node.routing === 'attached'
        ? { path: filtersFile, content: render('frr/anyward.conf.hbs', filtersForFrr(node)) }
        : { path: 'frr.conf', content: render('frr/frr.conf.hbs', viewForFrr(node)) },
    ],
  }
  return (node) => [
    ...renderers[node.daemon](node),
    ...(node.plannerKeys.length === 0
      ? []
      : [{ path: plannerKeysName, content: renderPlannerKeys(node.plannerKeys) }]),
  ]
}

// Those of Handlebars print nothing for a name that is not there, which would be an empty filter.
function printEach(items: unknown, { fn }: Handlebars.HelperOptions): string {
  if (!Array.isArray(items))
    throw new TypeError(`a template iterates over ${typeof items}, which is not a list`)
  let text = ''
  for (const item of items) text += fn(item)
  return text
}

function printIf(this: unknown, value: unknown, { fn, inverse }: Handlebars.HelperOptions): string {
  if (value === undefined) throw new TypeError('a template uses a name that is not in its view model')
  const holds = Array.isArray(value) ? value.length > 0 : Boolean(value)
  return holds ? fn(this) : inverse(this)
}
