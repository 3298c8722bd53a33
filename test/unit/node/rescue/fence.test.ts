import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { type Announcements, nothingAnnounced } from '../../../../src/net/announcements.ts'
import { Fence, fenceScript } from '../../../../src/node/rescue/fence/fence.ts'
import { FencedDaemon } from '../../../../src/node/rescue/fence/fenced-daemon.ts'
import { DaemonError, type RoutingDaemon } from '../../../../src/node/routing/daemon.ts'

const vpn = '192.0.2.1/32'
const web = '192.0.2.2/32'
const dns = '192.0.2.3/32'
const announcing = (...prefixes: string[]): Announcements =>
  new Map(prefixes.map((prefix) => [prefix, 'normal']))

/** vpn and web have a port each, and dns shares that of web. The steps are in the order in which they reach kernel and daemon. */
function start({ kernel = async () => {} }: { kernel?: () => Promise<void> } = {}) {
  const steps: string[] = []
  const problems: (string | null)[] = []
  let now = 0
  const state = { originated: nothingAnnounced, advertised: nothingAnnounced, runs: true }
  const requireRunning = () => {
    if (!state.runs) throw new DaemonError('not-running', 'no socket')
  }
  const daemon: RoutingDaemon = {
    kind: 'bird',
    identify: async () => ({ version: '0', routerId: '10.0.0.1' }),
    apply: async (desired) => {
      requireRunning()
      steps.push(`daemon ${[...desired.keys()].join(' ')}`.trim())
      state.originated = desired
    },
    observe: async () => {
      requireRunning()
      const neighbor = { neighbor: 'tor', session: 'up' as const, announced: state.advertised }
      return { originated: state.originated, neighbors: [neighbor], otherAnnouncers: null }
    },
    close: () => {},
    leave: async () => {},
  }
  const fence = new Fence({
    clock: { ...systemClock, now: () => now },
    onProblem: (problem) => problems.push(problem),
    apply: async (script) => {
      await kernel()
      steps.push(`fence ${/elements = \{ ([\d, ]+) \}/.exec(script)?.[1] ?? ''}`.trim())
    },
  })
  const service = (prefix: string, port: number) => ({ prefixes: [prefix], wireguard: { port } })
  const fenced = new FencedDaemon(daemon, fence, {
    services: [service(vpn, 51820), service(web, 51821), service(dns, 51821)],
    neighbors: [{ name: 'tor' }],
  } as unknown as Manifest)
  const look = async () => {
    await fenced.observe().catch(() => {})
    await fence.settled()
  }
  const reach = (set: Announcements) => {
    state.advertised = set
    return look()
  }
  const pass = (milliseconds: number) => {
    now += milliseconds
  }
  return { fenced, fence, state, steps, problems, look, reach, pass, take: () => steps.splice(0) }
}

describe('the order of fence and announcement', () => {
  test('a service that the daemon does not announce is fenced from the first look on', async () => {
    const { look, take, fence } = start()
    expect(fence.isFenced(51820)).toBeNull()
    await look()
    expect(take()).toEqual(['fence 51820, 51821'])
    expect(fence.isFenced(51820)).toBe(true)
  })

  test('the fence falls before the announcement, and is not set while the neighbors do not have it yet', async () => {
    const { fenced, fence, look, reach, take } = start()
    await look()
    take()
    await fenced.apply(announcing(vpn))
    expect(take()).toEqual(['fence 51821', `daemon ${vpn}`])
    await look()
    await reach(announcing(vpn))
    expect(take()).toEqual([])
    expect([fence.isFenced(51820), fence.isFenced(51821)]).toEqual([false, true])
  })

  test('a withdrawal does not wait for the fence, which is set only when no neighbor has the route', async () => {
    const { fenced, look, reach, take } = start()
    await fenced.apply(announcing(vpn, web))
    await reach(announcing(vpn, web))
    take()
    await fenced.apply(announcing(web))
    expect(take()).toEqual([`daemon ${web}`])
    await look()
    expect(take()).toEqual([])
    await reach(announcing(web))
    expect(take()).toEqual(['fence 51820'])
  })

  test('a port is fenced when none of its services is announced', async () => {
    const { fenced, reach, take } = start()
    await fenced.apply(announcing(vpn, dns))
    await reach(announcing(vpn, dns))
    expect(take()).toEqual(['fence', `daemon ${vpn} ${dns}`])
    await fenced.apply(announcing(vpn))
    await reach(announcing(vpn))
    expect(take()).toEqual([`daemon ${vpn}`, 'fence 51821'])
  })

  test('what another process has withdrawn and fenced meanwhile, the guard for example, is set again before it is announced', async () => {
    const { fenced, reach, take, state } = start()
    await fenced.apply(announcing(vpn, web))
    await reach(announcing(vpn, web))
    take()
    state.originated = nothingAnnounced
    await reach(nothingAnnounced)
    expect(take()).toEqual([])
    await fenced.apply(announcing(vpn, web))
    expect(take()).toEqual(['fence', `daemon ${vpn} ${web}`])
  })
})

describe('a daemon that does not run', () => {
  test('its services are fenced, and stay so while attempts to announce fail', async () => {
    const { fenced, fence, reach, take, state } = start()
    const all = announcing(vpn, web)
    await fenced.apply(all)
    await reach(all)
    take()
    state.runs = false
    await reach(nothingAnnounced)
    expect(take()).toEqual(['fence 51820, 51821'])
    await expect(fenced.apply(all)).rejects.toThrow('no socket')
    await fence.settled()
    expect(take()).toEqual([])
    state.runs = true
    await fenced.apply(all)
    expect(take()).toEqual(['fence', `daemon ${vpn} ${web}`])
  })
})

describe('the rules in the kernel', () => {
  test('they are set again every 5 s while something is fenced, because another program may flush them', async () => {
    const { look, take, pass } = start()
    await look()
    await look()
    expect(take()).toEqual(['fence 51820, 51821'])
    pass(5000)
    await look()
    expect(take()).toEqual(['fence 51820, 51821'])
  })

  test('without a fence they are set again every minute: the guard may have fenced what is announced again', async () => {
    const { fenced, look, reach, take, pass } = start()
    await fenced.apply(announcing(vpn, web))
    await reach(announcing(vpn, web))
    take()
    pass(59_000)
    await look()
    expect(take()).toEqual([])
    pass(1000)
    await look()
    expect(take()).toEqual(['fence'])
  })

  test('a failure is reported once, delays no announcement for ever, and is tried again', async () => {
    let fails = true
    const { fenced, look, take, problems, fence } = start({
      kernel: async () => {
        if (fails) throw new Error('nft -f -: not installed')
      },
    })
    await look()
    await look()
    await fenced.apply(announcing(vpn))
    expect(take()).toEqual([`daemon ${vpn}`])
    expect(fence.isFenced(51820)).toBeNull()
    fails = false
    await look()
    expect(take()).toEqual(['fence 51821'])
    expect(problems).toEqual(['nft -f -: not installed', null])
  })
})

test('the table is replaced as a whole, or taken away', () => {
  expect(fenceScript(new Set([51821, 51820]))).toContain('elements = { 51820, 51821 }')
  expect(fenceScript([])).toBe('add table inet anyward_fence\ndelete table inet anyward_fence\n')
})
