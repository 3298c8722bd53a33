import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import type { ManifestService } from '../../../../src/manifest/manifest.ts'
import { SourceKeeper } from '../../../../src/node/rescue/source/source-route.ts'
import { FakeKernel } from './fake-kernel.ts'

const rule = 'pref 5192 from 0.0.0.0/32 ipproto 17 sport 51820 lookup 5151820 protocol 51'
const other = 'pref 5192 from 0.0.0.0/32 ipproto 17 sport 443 lookup 5100443 protocol 51'

let kernel: FakeKernel
let said: { level: string; event: unknown; message: string }[]
let repairs: number
let isIdle: boolean

beforeEach(() => {
  vi.useFakeTimers()
  kernel = new FakeKernel()
  said = []
  repairs = 0
  isIdle = true
})
afterEach(() => {
  vi.useRealTimers()
})

function service(name: string, port: number, anycast: string[]): ManifestService {
  return { name, anycast, wireguard: { port } } as unknown as ManifestService
}

async function keep({ anycast = ['192.0.2.1'], services = [service('vpn', 51820, anycast)] } = {}) {
  const keeper = new SourceKeeper({
    manifest: { services, neighbors: [] },
    isIdle: () => isIdle,
    ...{ run: kernel.run, clock: systemClock },
    say: (level, facts, message) => said.push({ level, event: facts.event, message }),
    metrics: { sourceRepairs: { inc: () => (repairs += 1) } } as never,
  })
  keeper.start()
  keeper.takeLinks(new Map([['lo', { up: true, addresses: ['192.0.2.1', '2001:db8:51::1'] }]]))
  await vi.advanceTimersByTimeAsync(5000)
  return keeper
}

test('what is missing is put in place once, and is good by what the kernel says', async () => {
  const keeper = await keep()
  expect(kernel.rules.ipv4).toEqual([rule])
  expect(kernel.routes.ipv4).toEqual([
    'default via 10.1.1.1 dev e1 onlink src 192.0.2.1 table 5151820 protocol 51',
  ])
  const changes = () => kernel.lines.filter((line) => !/^\w+ (show|get)/.test(line)).length
  const before = changes()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(changes()).toBe(before)
  expect(await keeper.probeOf('vpn').run()).toMatchObject({ check: 'source', outcome: 'good' })
  expect(said).toEqual([])
})

test('what another program removes is back, with a warning, and a route that changes gives none', async () => {
  await keep()
  kernel.rules.ipv4 = []
  await vi.advanceTimersByTimeAsync(6000)
  expect(kernel.rules.ipv4).toEqual([rule])
  expect(said).toMatchObject([{ level: 'warn', event: 'source-restored' }])
  kernel.defaults.ipv4 = { dst: 'default', gateway: '10.1.2.1', dev: 'e2' }
  kernel.routes.ipv4 = []
  await vi.advanceTimersByTimeAsync(6000)
  expect(kernel.routes.ipv4[0]).toContain('via 10.1.2.1 dev e2')
  expect(repairs).toBe(1)
})

test('another source is bad, and names it', async () => {
  kernel.otherSource = '10.1.1.2'
  const keeper = await keep()
  expect(await keeper.probeOf('vpn').run()).toMatchObject({
    ...{ outcome: 'bad', cause: 'source-wrong' },
    detail:
      'what WireGuard sends first, or repeats, leaves port 51820 from 10.1.1.2 (by e1, table 254), and not from 192.0.2.1',
  })
})

describe('no result, and no change of the health', () => {
  test('comes from a node without a route, and a family without one leaves it to the other', async () => {
    const keeper = await keep({ anycast: ['192.0.2.1', '2001:db8:51::1'] })
    expect(await keeper.probeOf('vpn').run()).toMatchObject({ outcome: 'good' })
    kernel.defaults.ipv4 = undefined as never
    await vi.advanceTimersByTimeAsync(6000)
    expect(await keeper.probeOf('vpn').run()).toMatchObject({ outcome: 'inconclusive', cause: 'no-route' })
  })

  test('comes from a node without the address', async () => {
    const keeper = await keep({ anycast: ['192.0.2.9'] })
    expect(await keeper.probeOf('vpn').run()).toMatchObject({ cause: 'address-missing' })
    expect(kernel.rules.ipv4).toEqual([])
  })

  test('comes from `ip` that fails, which is reported once', async () => {
    kernel.failure = 'no answer within 2000 ms'
    const keeper = await keep()
    await vi.advanceTimersByTimeAsync(30_000)
    const asked = keeper.probeOf('vpn').run()
    await vi.advanceTimersByTimeAsync(6000)
    expect(await asked).toMatchObject({ outcome: 'inconclusive', cause: 'no-answer' })
    expect(said).toMatchObject([{ level: 'error', event: 'source' }])
  })

  test('comes from a last look that is too old', async () => {
    const keeper = await keep()
    kernel.failure = 'gone'
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await keeper.probeOf('vpn').run()).toMatchObject({ outcome: 'inconclusive', cause: 'no-answer' })
  })
})

test('a change that the kernel refuses is tried again after a minute, or when the links change', async () => {
  kernel.refuses = (line) => (line.startsWith('route replace') ? 'Error: Invalid source address.' : null)
  const keeper = await keep()
  const tries = () => kernel.lines.filter((line) => line.startsWith('route replace')).length
  expect(tries()).toBe(1)
  await vi.advanceTimersByTimeAsync(50_000)
  expect(tries()).toBe(1)
  keeper.rouse()
  await vi.advanceTimersByTimeAsync(6000)
  expect(tries()).toBe(2)
  expect(said).toMatchObject([
    { event: 'source', message: expect.stringContaining('Invalid source address') },
  ])
})

test('of a full table only the default route is copied, and the routes to networks of the node are read rarely', async () => {
  kernel.isFull = true
  await keep()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(kernel.lines.filter((line) => line === 'route show table 254')).toHaveLength(1)
  expect(kernel.lines.filter((line) => line.startsWith('route show table 254 protocol'))).toHaveLength(5)
  expect(kernel.routes.ipv4).toHaveLength(1)
})

test('a look waits while the announcements change, for two seconds at most', async () => {
  const keeper = await keep()
  isIdle = false
  const before = kernel.lines.length
  keeper.rouse()
  await vi.advanceTimersByTimeAsync(1500)
  expect(kernel.lines.length).toBe(before)
  await vi.advanceTimersByTimeAsync(1500)
  expect(kernel.lines.length).toBeGreaterThan(before)
})

test('many events of links cause few looks', async () => {
  const keeper = await keep()
  const looks = () => kernel.lines.filter((line) => line === 'rule show').length
  const before = looks()
  for (let at = 0; at < 200; at += 1) {
    keeper.rouse()
    await vi.advanceTimersByTimeAsync(50)
  }
  // In ten seconds.
  expect(looks() - before).toBeLessThan(14)
})

test('after many events of links an address that comes back has its route after a second', async () => {
  const keeper = await keep()
  for (let at = 0; at < 200; at += 1) {
    keeper.rouse()
    await vi.advanceTimersByTimeAsync(50)
  }
  kernel.routes.ipv4 = []
  keeper.rouse()
  await vi.advanceTimersByTimeAsync(1200)
  expect(kernel.routes.ipv4).toHaveLength(1)
})

test('rules and routes of services that the node had before are removed', async () => {
  kernel.rules.ipv4 = [other, 'pref 100 from 192.0.2.1/32 lookup 777 protocol 4']
  kernel.routes.ipv4 = ['default via 10.1.1.1 dev e1 onlink src 192.0.2.1 table 5100443 protocol 51']
  await keep()
  expect(kernel.rules.ipv4).toEqual(['pref 100 from 192.0.2.1/32 lookup 777 protocol 4', rule])
  expect(kernel.routes.ipv4.filter((one) => one.includes('5100443'))).toEqual([])
})

test('at the end the rules and routes go, except those of a service that stays announced', async () => {
  const anycast = ['192.0.2.1', '2001:db8:51::1']
  kernel.defaults.ipv6 = { dst: 'default', gateway: '2001:db8:1::1', dev: 'e1' }
  const services = [service('vpn', 51820, anycast), service('web', 443, anycast)]
  const keeper = await keep({ services })
  expect(kernel.rules.ipv6).toHaveLength(5)
  await keeper.stop()
  await keeper.remove(['vpn'], 100)
  expect(kernel.rules.ipv4).toEqual([other])
  expect(kernel.rules.ipv6).toHaveLength(4)
  expect(kernel.routes.ipv4).toHaveLength(1)
  await keeper.remove(['vpn', 'web'], 100)
  expect([kernel.rules, kernel.routes]).toEqual([
    { ipv4: [], ipv6: [] },
    { ipv4: [], ipv6: [] },
  ])
})
