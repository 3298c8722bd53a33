import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { describeOutcome } from '../../../src/cli/node/apply.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { findControllerNote } from '../../../src/node/service/apply-node.ts'

test.each([
  ['none', 'a runs this bundle (no change for a session)'],
  ['reload', 'a runs this bundle (sessions stay up)'],
  ['session-restart', 'a runs this bundle (sessions start or may restart)'],
] as const)('the effect %s is printed in words: it is not measured', (effect, words) => {
  const outcome = { applied: true, reason: 'applied', undone: false, detail: 'a runs this bundle' } as const
  expect(describeOutcome({ ...outcome, effect })).toBe(words)
})

test('an apply that did not succeed is printed with its reason, and one that has nothing to do without', () => {
  const outcome = { applied: false, undone: false, detail: 'words', effect: 'none' } as const
  expect(describeOutcome({ ...outcome, reason: 'foreign' })).toBe('refused (foreign): words')
  expect(describeOutcome({ ...outcome, undone: true, reason: 'not-taken' })).toBe('undone (not-taken): words')
  expect(describeOutcome({ ...outcome, reason: 'nothing-to-do' })).toBe('words')
  expect(describeOutcome({ ...outcome, reason: 'dry-run' })).toBe('words (no change for a session)')
})

test('a running controller needs a restart only for another bundle', async () => {
  const runtimeDir = await mkdtemp(join(tmpdir(), 'anyward-note-'))
  // Any answer comes from a controller.
  const server = createServer((_request, response) => response.writeHead(200).end(JSON.stringify(status)))
  await new Promise<void>((resolve) => server.listen(join(runtimeDir, 'controller.sock'), resolve))
  onTestFinished(async () => {
    server.close()
    await rm(runtimeDir, { recursive: true })
  })
  const manifest = { node: 'a', paths: { runtimeDir } } as Manifest
  const other = { ...manifest, node: 'a', site: 'other' } as Manifest
  expect(await findControllerNote(manifest, { ...manifest })).toEqual([])
  expect(await findControllerNote(manifest, null)).toEqual([expect.stringContaining('restart it')])
  expect(await findControllerNote(manifest, other)).toEqual([expect.stringContaining('restart it')])
})

const status = {
  ...{ version: 1, node: 'a', site: 's', services: [], neighbors: [], heldAddresses: [], guard: null },
  operator: { intent: 'serve', source: null, reason: null, until: null },
  maintenance: { active: null, next: null },
  daemon: {
    ...{ kind: 'bird', version: null, verified: true, observedAgoMs: null, trouble: null },
    savedAnnouncements: [],
  },
  time: '2026-01-01T00:00:00Z',
}
