import { expect, test } from 'vitest'
import type { Clock } from '../../../../src/clock/clock.ts'
import { Probing } from '../../../../src/node/controller/services/probing.ts'
import { type EndpointProbe, ServiceState } from '../../../../src/node/controller/services/service-state.ts'
import type { ServiceUnit } from '../../../../src/node/controller/services/service-unit.ts'
import type { ProbeResult } from '../../../../src/node/probe/result.ts'
import { readService } from '../../../read-service.ts'

const script = new URL('../../../../scripts/suspicion/virtual-clock.mjs', import.meta.url).href
const { VirtualClock } = (await import(script)) as {
  VirtualClock: new () => Clock & { run(untilMs: number): Promise<void> }
}

const good: ProbeResult = { outcome: 'good', handshakeMs: 1, pingMs: 1 }
const bad: ProbeResult = { outcome: 'bad', check: 'ping', cause: 'no-reply', detail: 'it did not answer' }
const service = readService({
  name: 'vpn',
  prefixes: [],
  anycast: ['192.0.2.1'],
  wireguard: {
    interface: 'wg0',
    port: 51820,
    publicKey: 'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=',
    addresses: ['10.80.0.1'],
  },
  probe: {
    privateKeyFile: '/etc/anyward/probe.key',
    presharedKeyFile: null,
    address: '10.80.255.254',
    intervalMs: 200,
    timeoutMs: 300,
    rise: 2,
    fall: 3,
    checks: ['handshake', 'ping'],
  },
  onStop: 'withdraw',
})

/** The controller's probing of one endpoint. */
class Bed {
  readonly clock = new VirtualClock()
  readonly state = new ServiceState(service, 0, 0)
  readonly asked: { atMs: number; wantsRounds: boolean }[] = []
  readonly unit: ServiceUnit
  isAskingClosely = false
  run: (onRound?: (result: ProbeResult, lateMs: number) => void) => Promise<ProbeResult> = async () => good

  constructor() {
    const endpoint: EndpointProbe = Object.defineProperty(
      {
        isAskingClosely: false,
        runCycle: (onRound) => {
          this.asked.push({ atMs: this.clock.now(), wantsRounds: onRound !== undefined })
          return this.run(onRound)
        },
        saveSilences: () => [],
        restoreSilences: () => {},
        close: () => {},
      } satisfies EndpointProbe,
      'isAskingClosely',
      { get: () => this.isAskingClosely },
    )
    const probes = { endpoint, side: [] }
    this.unit = {
      state: this.state,
      service,
      probes,
      cycleBeganAt: 0,
      cycleEndedAt: 0,
    } as unknown as ServiceUnit
    const observer = { probed: () => {}, checked: () => {} }
    new Probing({ units: [this.unit], clock: this.clock, observer, onResult: () => {} }).start()
  }
}

test('rounds are wanted of an endpoint that serves, and of no other', async () => {
  const bed = new Bed()
  await bed.clock.run(700)
  expect(bed.asked.map(({ wantsRounds }) => wantsRounds)).toEqual([false, false, true, true])
  bed.run = async () => bad
  await bed.clock.run(1500)
  expect(bed.state.health.status).toBe('unhealthy')
  expect(bed.asked.at(-1)).toEqual({ atMs: 1400, wantsRounds: false })
})

test('a round is a bad probe at once, and no other cycle begins while one asks closely', async () => {
  const bed = new Bed()
  await bed.clock.run(500)
  bed.run = async (onRound) => {
    bed.isAskingClosely = true
    for (const round of [1, 2]) {
      await bed.clock.sleep(150)
      onRound?.({ ...bad, detail: String(round) }, 0)
    }
    await bed.clock.sleep(150)
    bed.isAskingClosely = false
    return bad
  }
  await bed.clock.run(760)
  // Since the question of 600 ms.
  expect(bed.state.health).toMatchObject({ badInRow: 1, badSince: 600, status: 'healthy' })
  expect(bed.unit.cycleBeganAt).toBe(750)
  await bed.clock.run(1045)
  expect(bed.asked.filter(({ atMs }) => atMs > 500)).toEqual([{ atMs: 600, wantsRounds: true }])
  expect(bed.state.health).toMatchObject({ badInRow: 2, status: 'healthy' })
  // For the guard, the loop has not stopped.
  expect(bed.unit.cycleBeganAt).toBe(900)
  await bed.clock.run(1060)
  expect(bed.state.health).toMatchObject({ badInRow: 3, status: 'unhealthy' })
})

test('a round that is late, as this machine was, counts neither way', async () => {
  const bed = new Bed()
  await bed.clock.run(500)
  bed.run = async (onRound) => {
    onRound?.(bad, 101)
    return good
  }
  await bed.clock.run(610)
  expect(bed.state.health.late.total).toBe(1)
  expect(bed.state.health.badInRow).toBe(0)
})
