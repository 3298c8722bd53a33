import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import type { OperatorIntent } from '../../../../src/node/decision/intent.ts'
import { keepState } from '../../../../src/node/service/keep-state.ts'
import { operatorFile } from '../../../../src/node/state/node-state.ts'

let stateDir: string

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'anyward-keep-'))
})
afterEach(() => rm(stateDir, { recursive: true }))

const keep = () => keepState({ paths: { stateDir } } as Manifest, () => {})
const order = (intent: OperatorIntent['intent'], since: number): OperatorIntent => ({
  intent,
  reason: null,
  since,
  until: null,
})

async function orderPastIt(operator: OperatorIntent): Promise<void> {
  const file = operatorFile(stateDir, () => {})
  await file.save({ format: 1, operator })
  await file.close()
}

test('its own order is not taken for one of another process, although the clock was set back since', async () => {
  const keeping = await keep()
  await keeping.saveIntent(order('drain', 2_000_000))
  await keeping.saveIntent(order('serve', 1_000_000))
  expect(await keeping.findForeignIntent()).toBeNull()
  await keeping.close()
})

test('an order that is being saved is newer than the one in the file', async () => {
  const keeping = await keep()
  await keeping.saveIntent(order('serve', 1))
  await orderPastIt(order('withdraw', 2))
  const saving = keeping.saveIntent(order('drain', 3))
  expect(await keeping.findForeignIntent()).toBeNull()
  await saving
  expect(await keeping.findForeignIntent()).toBeNull()
  await keeping.close()
})

test('an order of another process is found once, whatever its time', async () => {
  const keeping = await keep()
  await keeping.saveIntent(order('serve', 2_000_000))
  await orderPastIt(order('withdraw', 1_000_000))
  expect(await keeping.findForeignIntent()).toEqual(order('withdraw', 1_000_000))
  expect(await keeping.findForeignIntent()).toBeNull()
  await keeping.close()
})

test('an order from before its start is known', async () => {
  await orderPastIt(order('drain', 1))
  const keeping = await keep()
  expect(keeping.intent).toEqual(order('drain', 1))
  expect(await keeping.findForeignIntent()).toBeNull()
  await keeping.close()
})
