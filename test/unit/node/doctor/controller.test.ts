import { expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import type { Check, ControllerWords, LossWords, ServiceWords } from '../../../../src/node/doctor/check.ts'
import { controller } from '../../../../src/node/doctor/checks/machine/controller.ts'
import { foreign } from '../../../../src/node/doctor/checks/routing/foreign.ts'

const manifest = { daemon: 'bird', routing: 'managed' } as Manifest

interface Answers {
  readonly services?: readonly ServiceWords[] | null
  readonly failure?: string | null
  readonly findLoss?: () => Promise<LossWords | null>
}

const examine = (check: Check, { services = [], failure = null, findLoss }: Answers) =>
  check.examine({
    ...{ manifest, bundle: '/b', services: [], clientName: null, nowMs: 0, observe: null },
    ...{
      askController: async (): Promise<ControllerWords> => services && { services, failure },
      findLoss: findLoss ?? null,
    },
  })

const vpn: ServiceWords = {
  ...{ name: 'vpn', decision: 'announce', reason: 'healthy', detail: 'the endpoint serves' },
  ...{ since: '2026-01-01T00:00:00Z', isAnnounced: true, leftMs: null, cure: null },
}

test('a node without a controller has an error that says how to start it', async () => {
  expect(await examine(controller, { services: null })).toEqual([
    {
      severity: 'error',
      message: expect.stringMatching(/^no controller runs on this node/),
      cure: expect.stringContaining('`anyward controller --bundle /b`'),
    },
  ])
})

test('an announced service, or one that is held as it is, is no finding', async () => {
  expect(
    await examine(controller, { services: [vpn, { ...vpn, decision: 'hold', reason: 'starved' }] }),
  ).toEqual([])
})

test('a service that no neighbor has is an error, and so is what the daemon does not do, with its words', async () => {
  const services = [{ ...vpn, isAnnounced: false }]
  expect(await examine(controller, { services })).toMatchObject([
    { severity: 'error', message: 'vpn is to be announced, and no neighbor has its prefixes' },
  ])
  expect(await examine(controller, { services, failure: '192.0.2.0/24 is not advertised' })).toMatchObject([
    {
      severity: 'error',
      message: 'the routing daemon does not do what the controller decided: 192.0.2.0/24 is not advertised',
    },
  ])
})

const cases = [
  ['withdraw', 'last-resort', null, 'error', 'vpn is withdrawn since', 'end that cause'],
  ['withdraw', 'hold-down', 12_300, 'error', 'vpn is withdrawn since', 'announced again in 13 s'],
  ['withdraw', 'operator-withdrew', null, 'error', 'vpn is withdrawn since', '`anyward undrain`'],
  ['hold', 'starting', null, 'error', 'vpn is not announced since', 'wait, then run this again'],
  ['degrade', 'last-site', null, 'warning', 'vpn is degraded since', 'end that cause'],
] as const
test.each(cases)(
  'a service with %s because of %s: its reason and a cure',
  async (decision, reason, leftMs, severity, words, cure) => {
    const services = [
      { ...vpn, decision, reason, leftMs, isAnnounced: decision === 'degrade', detail: 'words' },
    ]
    const message = `${words} 2026-01-01T00:00:00Z: ${reason}: words`
    expect(await examine(controller, { services })).toEqual([
      { severity, message, cure: expect.stringContaining(cure) },
    ])
  },
)

test('a reason with a cure of its own has that one, also while a hold-down runs', async () => {
  const services = [
    { ...vpn, decision: 'withdraw', reason: 'hung', leftMs: 9000, cure: 'restart it' } as const,
  ]
  expect(await examine(controller, { services })).toMatchObject([{ severity: 'error', cure: 'restart it' }])
})

test('what apply would refuse is a note with its words', async () => {
  const findLoss = async () => ({ detail: 'This apply would remove: x', cure: 'use --replace' })
  expect(await examine(foreign, { findLoss })).toEqual([
    {
      severity: 'info',
      message: '`anyward apply` will refuse. This apply would remove: x',
      cure: 'use --replace',
    },
  ])
  expect(await examine(foreign, { findLoss: async () => null })).toEqual([])
})
