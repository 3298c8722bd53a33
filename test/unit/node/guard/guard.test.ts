import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { Guard } from '../../../../src/node/guard/guard.ts'
import type { Place } from '../../../../src/node/guard/place.ts'
import type { Withdrawal } from '../../../../src/node/withdraw/ladder.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-guard-'))
})
afterEach(() => rm(dir, { recursive: true }))

test('addresses that are removed while a controller comes back are restored', async () => {
  const steps: string[] = []
  const path = join(dir, 'guard.sock')
  const server = createServer()
  const place: Place = {
    inherited: null,
    async open(onConnection) {
      server.on('connection', onConnection)
      await new Promise<void>((resolve) => server.listen({ path }, resolve))
    },
    leave: () => server.close(),
  }
  let endWithdrawal: (result: Withdrawal) => void = () => {}
  let begun: () => void = () => {}
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const guard = new Guard({
    manifest: { node: 'fra1-a', services: [{ name: 'vpn', deadManMs: 200 }] } as never,
    serial: '1',
    place,
    clock: systemClock,
    log: pino({ enabled: false }),
    withdraw: () => {
      begun()
      return new Promise((resolve) => {
        endWithdrawal = resolve
      })
    },
    isStillWithdrawn: async () => true,
    putBack: async () => steps.push('restored'),
    stay: false,
  })
  const running = guard.run()
  const controller = connect({ path })
  const renew = () =>
    new Promise((resolve) => {
      controller.once('data', resolve)
      controller.write('{"type":"renew","services":["vpn"]}\n')
    })
  await renew()
  await hasBegun
  await renew()
  steps.push('removed')
  endWithdrawal({ way: 'address', withdrawn: false, lasting: false, left: [], troubles: [] })
  controller.write('{"type":"release","services":["vpn"]}\n')
  controller.end()
  await running
  expect(steps).toEqual(['removed', 'restored'])
})
