import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RolloutTransport } from '../../../../../src/change/transport.ts'
import { type LocalNodes, withReach } from '../../../../../src/plan/service/rollout/reach.ts'
import { readRolloutState } from '../../../../../src/plan/service/rollout/rollout-service.ts'

const transport = {} as RolloutTransport
const local: LocalNodes = { plan: async (fleet) => fleet, use: (work) => work(transport) }

test('a rollout of a lab reaches its nodes while they are used, and is refused without them', async () => {
  expect(await withReach({ via: 'local' }, { local }, async (reach) => reach.transport([]))).toBe(transport)
  await expect(withReach({ via: 'local' }, {}, async () => 'never')).rejects.toMatchObject({
    message: 'this rollout is one of a lab',
    hint: 'use `anyward lab rollout`',
    outcome: 'refused',
  })
})

test('a hint names the command of the lab where the nodes are those of a lab', async () => {
  const out = await mkdtemp(join(tmpdir(), 'reach-'))
  try {
    await expect(readRolloutState({ out, local })).rejects.toMatchObject({
      hint: 'start one with `anyward lab rollout start`',
    })
    await expect(readRolloutState({ out })).rejects.toMatchObject({
      hint: 'name the folder of its bundles with --out, or start one with `anyward rollout start`',
    })
  } finally {
    await rm(out, { recursive: true })
  }
})
