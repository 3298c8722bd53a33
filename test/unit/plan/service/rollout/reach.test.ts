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

test('a folder of keys that does not exist is named, and its flag only where it is not given', async () => {
  const settings = {
    endpoints: ['192.0.2.1:2379'],
    caFile: '/no/ca',
    certFile: '/no/crt',
    keyFile: '/no/key',
  }
  const reach = (options: { storeKeys?: string }) =>
    withReach({ via: 'store', settings }, options, async () => 'never')
  await expect(reach({})).rejects.toMatchObject({
    message: 'cannot read /no/ca (ENOENT)',
    hint: expect.stringContaining('--store-keys'),
  })
  await expect(reach({ storeKeys: '/nosuch' })).rejects.toMatchObject({
    message: expect.stringMatching(/^cannot read \/nosuch\/.* \(ENOENT\)$/),
    hint: '/nosuch has to be the folder `planner` that scripts/etcd/prepare makes',
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
