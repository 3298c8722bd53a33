import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { compilePlan } from '../../src/plan/compile/compile-plan.ts'
import { debianLayout } from '../../src/plan/compile/layout.ts'
import { createRenderer } from '../../src/plan/render/render.ts'
import { renderBundle } from '../../src/plan/service/render-bundle.ts'
import { loadTemplates } from '../../src/plan/service/templates.ts'
import type { FleetFileText } from '../../src/plan/sites/file-text.ts'
import { parseFleet } from '../../src/plan/sites/parse.ts'

// A hundred plans, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const render = createRenderer(await loadTemplates())

function plan(files: readonly FleetFileText[], extra: ReadonlyMap<string, FleetFileText>) {
  const { fleet } = parseFleet(files, (name) => extra.get(name)!)
  if (fleet === null) throw new Error('the fleet is not valid')
  const { nodes, notices } = compilePlan(fleet, (_site, node) => debianLayout(fleet, node))
  return { bundles: nodes.map((node) => renderBundle(render, node)), notices }
}

test.each(['sites', 'test/golden/kinds'])(
  'the plan of %s does not depend on the order of the files',
  async (dir) => {
    const names = (await readdir(dir)).filter((name) => /\.(?:yaml|conf)$/.test(name))
    const read = await Promise.all(
      names.map(async (name) => ({ name, text: await readFile(join(dir, name), 'utf8') })),
    )
    const files = read.filter(({ name }) => name.endsWith('.yaml'))
    const extra = new Map(read.map((file) => [file.name, file]))
    // More sites than the example has, each node with a unique name.
    const more = files.flatMap(({ name, text }) =>
      name === 'fleet.yaml' || !/^site: /m.test(text) ? [] : [copyOf(name, text)],
    )
    const all = [...files, ...more]
    const expected = plan(all, extra)
    expect(expected.notices.length).toBeGreaterThan(1)
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
        expect(plan(shuffled, extra)).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  },
)

/** `fra1` as `x-fra1`, with unused router ids and unicast addresses. */
function copyOf(name: string, text: string): FleetFileText {
  return {
    name: `x-${name}`,
    text: text
      .replace(/^site: /m, 'site: x-')
      .replaceAll(/^( *- name: )/gm, '$1x-')
      .replaceAll(/routerId: 10\./g, 'routerId: 11.')
      .replaceAll('unicast: 198.18.', 'unicast: 198.19.')
      .replaceAll('unicast: "2001:db8:52:', 'unicast: "2001:db8:53:'),
  }
}
