import { expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { sessions } from '../../../../src/node/doctor/checks/routing/sessions.ts'
import { DaemonError } from '../../../../src/node/routing/daemon.ts'

const manifest = { daemon: 'bird', routing: 'managed' } as Manifest

const examine = (cause: Error) =>
  sessions.examine({
    ...{ manifest, bundle: null, services: [], clientName: null, nowMs: 0 },
    ...{ askController: null, findLoss: null },
    observe: () => Promise.reject(cause),
  })

test('sessions that could not be read are a note, unless the check of the socket reports it', async () => {
  expect(await examine(new DaemonError('timeout', 'BIRD does not answer'))).toEqual([
    {
      severity: 'error',
      message: 'the sessions were not read: BIRD does not answer',
      cure: expect.stringMatching(/^this machine may be busy \(load .*\): run this again when it is idle/),
    },
  ])
  expect(await examine(new DaemonError('protocol', 'BIRD answers strangely'))).toEqual([
    {
      severity: 'info',
      message: 'the sessions were not read: BIRD answers strangely',
      cure: 'run this again; if it stays so, read the log of the daemon',
    },
  ])
  expect(await examine(new DaemonError('not-running', 'no socket'))).toEqual([])
  expect(await examine(new DaemonError('permission', 'no access'))).toEqual([])
  await expect(examine(new Error('a defect'))).rejects.toThrow('a defect')
})
