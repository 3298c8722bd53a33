import { expect, test } from 'vitest'
import { DaemonError } from '../../../../src/node/routing/daemon.ts'
import { waitUntilListening } from '../../../../src/node/routing/frr/scratch-start.ts'
import { explainApplyFailure } from '../../../../src/node/service/explain-apply-failure.ts'

const warning = 'ZEBRA: [X] -z option overrides -N option for zebra named socket path\n'
const start = { name: 'zebra', socket: '/nonexistent/zebra.vty', readOutput: async () => warning }

test('a daemon that is not ready in time: a timeout with its length, the load in the cure, no harmless warning', async () => {
  const cause: unknown = await waitUntilListening({ ...start, end: () => null, timeoutMs: 50 }).catch(
    (error) => error,
  )
  expect(cause).toBeInstanceOf(DaemonError)
  expect(cause).toMatchObject({
    code: 'timeout',
    message: 'zebra of FRR, started to read the configuration, was not ready after 0.05 s',
  })
  expect(explainApplyFailure(cause)).toMatchObject({
    hint: expect.stringMatching(/^this machine may be busy \(load [\d.]+ on \d+ processors?\): apply again/),
  })
})

test('a daemon that ends: how, and what it printed, without the harmless warning', async () => {
  const readOutput = async () => `${warning}privs_init: initial cap_set_proc failed\n`
  await expect(waitUntilListening({ ...start, end: () => 'exit code 1', readOutput })).rejects.toMatchObject({
    code: 'not-running',
    message:
      'zebra of FRR, started to read the configuration, ended with exit code 1: privs_init: initial cap_set_proc failed',
  })
})
