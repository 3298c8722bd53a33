import { expect, test } from 'vitest'
import { loadBundle } from '../../../../src/bundle/read.ts'
import { plannerKeysName } from '../../../../src/manifest/planner-keys.ts'
import { noteUnpinned } from '../../../../src/plan/service/sign-bundles.ts'

const { manifest, files } = await loadBundle('test/golden/example/out/fra1/fra1-a')
const unpinned = { manifest, files }
const pinned = { manifest, files: new Map(files).set(plannerKeysName, 'keys') }

test('bundles that pin no key are named: their nodes would take an unsigned one', () => {
  expect(noteUnpinned([pinned, pinned])).toEqual([])
  expect(noteUnpinned([unpinned, unpinned])).toEqual([
    'the bundles pin no key: a node that runs one accepts unsigned bundles too. For nodes that refuse them, add the line of the key’s .pub file to planner.keys in fleet.yaml, plan, and sign again (docs/signing.md)',
  ])
  expect(noteUnpinned([pinned, unpinned]).join()).toMatch(/^the bundles of fra1-a pin no key: /)
})
