import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { oldestVersions } from '../../../src/manifest/daemon-versions.ts'
import { firstVersions } from '../../../src/plan/sites/checks/versions.ts'

const { bird } = oldestVersions
const { frr } = firstVersions.roles

test.each([
  ['README.md', `BIRD ${bird} or later`, `FRR ${frr} or later`],
  ['docs/daemons.md', `BIRD ${bird} or later`, `FRR ${frr} or later`],
  ['scripts/packaging/debian/control.in', `bird2 (>= ${bird})`, `frr (>= ${frr})`],
])('%s names the oldest versions that the planner writes for', (file, ...versions) => {
  const text = readFileSync(file, 'utf8')
  for (const words of versions) expect(text).toContain(words)
})
