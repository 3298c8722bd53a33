import { readFileSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Endpoint } from '../../../src/node/rescue/stray/stray-watch.ts'
import { patience } from '../../patience.ts'
import { StrayAgent } from '../fixtures/rescue/stray-agent.ts'
import { type Client, spoof, TwoSites } from '../fixtures/rescue/two-sites.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'
import { endpoint4, endpoint6, inKernel, port } from '../fixtures/wireguard/server.ts'

const clients = 12
const service = { name: 'vpn', port, addresses: [endpoint4.address, endpoint6.address] }
const sites = new TwoSites('st')
const textOf = ({ address, port: number }: Endpoint) => `${address} ${number}`
/** On the roster, and of no client. */
const known4 = { address: '10.3.0.77', port: 7777 }
const known6 = { address: 'fd03::77', port: 7777 }

beforeAll(() => sites.start(clients), patience(240_000))
afterAll(() => sites.stop(), patience(60_000))

/** Starts a watch and waits until it sees packets. */
async function watchAt(
  namespace: string,
  endpoints: readonly Endpoint[],
  as?: string[],
): Promise<StrayAgent> {
  const agent = new StrayAgent(namespace, as)
  await agent.open(service)
  await agent.roster('vpn', endpoints)
  await agent.untilWatching()
  await untilRoster(namespace, 0, endpoints)
  return agent
}

/** Waits until the kernel's sets have these endpoints and no other. */
async function untilRoster(namespace: string, index: number, endpoints: readonly Endpoint[]): Promise<void> {
  const expected = endpoints.map(textOf).sort()
  await untilEqual('the roster of the kernel', expected, async () => {
    const listed = await Promise.all(
      ['ip', 'ip6'].map((ip) => listElements(namespace, `roster_${ip}_${index}`)),
    )
    return listed.flat().sort()
  })
}

async function listElements(namespace: string, set: string): Promise<string[]> {
  const argv = ['netns', 'exec', namespace, 'nft', '-j', 'list', 'set', 'inet', 'anyward_rescue', set]
  const { stdout, exitCode } = await execa('ip', argv, { reject: false })
  if (exitCode !== 0) return ['no set']
  const entries = JSON.parse(stdout).nftables as { set?: { elem?: { concat: [string, number] }[] } }[]
  return entries.flatMap(({ set: found }) => (found?.elem ?? []).map(({ concat }) => concat.join(' ')))
}

const nft = async (namespace: string, ...words: string[]) =>
  (await execa('ip', ['netns', 'exec', namespace, 'nft', ...words])).stdout

/** Packets that are sent after all others: when the first of them is reported, those have passed. */
async function untilReported(agent: StrayAgent, endpoint: Endpoint, type = 4): Promise<void> {
  const seen = () => agent.strays.filter((stray) => textOf(stray) === textOf(endpoint)).length
  const before = seen()
  await until(
    `a packet of ${textOf(endpoint)} is reported`,
    async () => {
      if (seen() > before) return null
      await spoof(sites, endpoint, 1, type)
      return `not yet; ${JSON.stringify(await agent.state())}`
    },
    { everyMs: 50 },
  )
}

describe('with the traffic of clients', () => {
  let atA: StrayAgent
  let atB: StrayAgent

  beforeAll(async () => {
    const endpoints = [...sites.clients.map(({ endpoint }) => endpoint), known4]
    atA = await watchAt(sites.a.namespace, endpoints)
    atB = await watchAt(sites.b.namespace, endpoints)
  })
  afterAll(async () => {
    await atA.close()
    await atA.end()
    await atB.close()
    await atB.end()
  })

  test('packets of sessions that began before the table are reported, and none after a new session', async () => {
    expect((await atA.state()).learningForMs).toBeGreaterThan(0)
    for (const client of sites.clients) await sites.renew(client)
    await untilReported(atA, known4)
    atA.strays.length = 0
    await sites.untilReplies(20)
    for (const client of sites.clients) await sites.renew(client)
    await sites.untilReplies(20)
    await untilReported(atA, known4)
    expect(new Set(atA.strays.map(textOf))).toEqual(new Set([textOf(known4)]))
    expect(atB.strays).toEqual([])
  })

  test('the first packets after a change of site are reported, and none of a client with a session here', async () => {
    await sites.leadTo('b')
    const handled = new Set<string>()
    await until('each client has a session at the other site', async () => {
      const strays = atB.strays.filter((stray) => !handled.has(textOf(stray)))
      for (const stray of strays) {
        handled.add(textOf(stray))
        await sites.rescue(sites.b, clientAt(stray))
      }
      return handled.size === clients ? null : `reported: ${[...handled].join(', ')}`
    })
    await sites.untilReplies(20)
    await untilReported(atB, known4)
    atB.strays.length = 0
    await sites.untilReplies(40)
    await untilReported(atB, known4)
    expect(new Set(atB.strays.map(textOf))).toEqual(new Set([textOf(known4)]))
    expect((await atB.state()).foreign).toBe(0)
  })

  function clientAt(endpoint: Endpoint): Client {
    return sites.clients.find((client) => textOf(client.endpoint) === textOf(endpoint))!
  }
})

describe('with spoofed packets', () => {
  let agent: StrayAgent

  beforeAll(() => sites.leadTo('b'))
  beforeEach(async () => {
    agent = await watchAt(sites.b.namespace, [known4, known6])
  })
  afterEach(async () => {
    await agent.close()
    await agent.end()
  })

  test.each([
    ['data', 'IPv4', known4, 4],
    ['data', 'IPv6', known6, 4],
    ['an answer to an initiation of another site', 'IPv4', known4, 2],
    ['an answer to an initiation of another site', 'IPv6', known6, 2],
  ])('%s from a roster endpoint is reported with its service: %s', async (_what, _family, endpoint, type) => {
    await untilReported(agent, endpoint, type)
    expect(agent.strays[0]).toMatchObject({ service: 'vpn', ...endpoint })
  })

  test.each([1, 3])('a packet of type %d is not reported', async (type) => {
    await spoof(sites, known4, 1000, type)
    await spoof(sites, known6, 1000, type)
    await untilReported(agent, known6)
    expect(agent.strays.map(textOf)).not.toContain(textOf(known4))
  })

  test('a flood of random sources causes no event', async () => {
    await spoof(sites, 'random', 100_000)
    await untilReported(agent, known4)
    expect(new Set(agent.strays.map(textOf))).toEqual(new Set([textOf(known4)]))
  })

  test('a flood of one roster endpoint causes one event a second', async () => {
    const beganMs = performance.now()
    await spoof(sites, known4, 100_000)
    await untilReported(agent, known6)
    const seconds = (performance.now() - beganMs) / 1000
    const count = agent.strays.filter((stray) => textOf(stray) === textOf(known4)).length
    expect(count).toBeGreaterThanOrEqual(1)
    expect(count).toBeLessThanOrEqual(seconds + 1)
  })

  test('an answer to another site is reported although a packet of a session has just been, each once a second', async () => {
    const beganMs = performance.now()
    await spoof(sites, known4, 1000, 4)
    await spoof(sites, known4, 1000, 2)
    await untilReported(agent, known6)
    const seconds = (performance.now() - beganMs) / 1000
    const count = (isAnswer: boolean) =>
      agent.strays.filter((stray) => textOf(stray) === textOf(known4) && stray.isAnswer === isAnswer).length
    for (const isAnswer of [false, true]) {
      expect(count(isAnswer)).toBeGreaterThanOrEqual(1)
      expect(count(isAnswer)).toBeLessThanOrEqual(seconds + 1)
    }
  })

  test('a flood of all roster endpoints causes no more events than the limit, and the limit is reported', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => ({
      address: `10.90.${index >> 8}.${index & 255}`,
      port: 9000,
    }))
    await agent.roster('vpn', many)
    await untilRoster(sites.b.namespace, 0, [known4, known6, ...many])
    const beganMs = performance.now()
    await spoof(sites, 'sequence', 100_000)
    await until('the limit is reported', async () => ((await agent.state()).limited > 0 ? null : 'it is not'))
    const seconds = (performance.now() - beganMs) / 1000
    const { strays } = await agent.state()
    // The burst of the limit comes first.
    expect(strays).toBeGreaterThanOrEqual(2000)
    expect(strays).toBeLessThanOrEqual(2000 * (seconds + 2))
  })

  test('an endpoint is reported until its last peer has left it', async () => {
    await agent.roster('vpn', [known4])
    await agent.roster('vpn', [], [known4])
    await untilReported(agent, known4)
    await agent.roster('vpn', [], [known4])
    await untilRoster(sites.b.namespace, 0, [known6])
    const before = agent.strays.filter((stray) => textOf(stray) === textOf(known4)).length
    await spoof(sites, known4, 10)
    await untilReported(agent, known6)
    expect(agent.strays.filter((stray) => textOf(stray) === textOf(known4))).toHaveLength(before)
  })

  test('what is no endpoint of a client is refused, and reaches no command of nft', async () => {
    await agent.roster('vpn', [
      { address: '10.0.0.1 . 5 }; flush ruleset; #', port: 5 },
      { address: 'fe80::1%eth0', port: 5 },
      { address: '10.0.0.1', port: 65_536 },
      { address: '10.0.0.2', port: 5 },
    ])
    await untilRoster(sites.b.namespace, 0, [known4, known6, { address: '10.0.0.2', port: 5 }])
    expect(await agent.state()).toMatchObject({ refused: 3, endpoints: 3 })
  })
})

describe('its processes and its table', () => {
  let agent: StrayAgent

  beforeAll(() => sites.leadTo('b'))
  beforeEach(async () => {
    await nft(sites.b.namespace, 'add table inet engineer')
    agent = await watchAt(sites.b.namespace, [known4])
  })
  afterEach(async () => {
    await agent.end()
    await nft(sites.b.namespace, 'add table inet engineer')
    await nft(sites.b.namespace, 'delete table inet engineer')
  })

  test('the end removes its own table only, and its processes', async () => {
    const readers = agent.children()
    expect(readers).toHaveLength(1)
    await agent.close()
    expect(agent.children()).toEqual([])
    expect((await nft(sites.b.namespace, 'list tables')).trim()).toBe('table inet engineer')
    expect(agent.errors).toEqual([])
  })

  test('a reader that dies is reported, and another sees packets', async () => {
    process.kill(agent.children()[0]!, 'SIGKILL')
    await untilEqual('the errors', ['reader-ended'], async () => agent.errors.map(({ code }) => code))
    await untilEqual('the recoveries', 1, async () => agent.recoveries)
    await untilReported(agent, known4)
    expect(await agent.state()).toMatchObject({ readerEnds: 1, tablesLost: 0 })
    await agent.close()
  })

  test('a table that was flushed is reported, and made again with its roster', async () => {
    await nft(sites.b.namespace, 'flush ruleset')
    await agent.roster('vpn', [known6])
    await untilRoster(sites.b.namespace, 0, [known4, known6])
    await untilEqual('the recoveries', 1, async () => agent.recoveries)
    expect(agent.errors.map(({ code }) => code)).toEqual(['table-lost'])
    await untilReported(agent, known4)
    await agent.close()
  })

  test('it is noticed within 10 s without a change of the roster', async () => {
    await nft(sites.b.namespace, 'flush ruleset')
    await untilEqual('the errors', ['table-lost'], async () => agent.errors.map(({ code }) => code), 15_000)
    await untilRoster(sites.b.namespace, 0, [known4])
    await agent.close()
  })

  test('a second watch says that it sees nothing, and takes over at the end of the first', async () => {
    const second = new StrayAgent(sites.b.namespace)
    await second.open(service)
    await second.roster('vpn', [known6])
    await untilEqual('its errors', ['group-taken'], async () => second.errors.map(({ code }) => code))
    expect((await second.state()).isWatching).toBe(false)
    await untilReported(agent, known4)
    await agent.close()
    await second.untilWatching()
    await untilRoster(sites.b.namespace, 0, [known6])
    await untilReported(second, known6)
    expect(second.errors).toHaveLength(1)
    await second.close()
    await second.end()
  })

  test('the reader ends with a process that is killed, and the next one replaces its table', async () => {
    const [reader] = agent.children()
    await agent.end('SIGKILL')
    await until('the reader has ended', async () => (isRunning(reader!) ? 'it runs' : null))
    agent = await watchAt(sites.b.namespace, [known6])
    await untilReported(agent, known6)
    await agent.close()
    expect((await nft(sites.b.namespace, 'list tables')).trim()).toBe('table inet engineer')
  })

  test('it needs CAP_NET_ADMIN and no user', async () => {
    await agent.close()
    await agent.end()
    const caps = [
      '--inh-caps=-all,+net_admin',
      '--ambient-caps=-all,+net_admin',
      '--bounding-set=-all,+net_admin',
    ]
    agent = await watchAt(
      sites.b.namespace,
      [known4],
      [...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', ...caps]],
    )
    await untilReported(agent, known4)
    await agent.close()
    expect((await nft(sites.b.namespace, 'list tables')).trim()).toBe('table inet engineer')
  })

  test('without it, the error says what it needs', async () => {
    await agent.close()
    await agent.end()
    agent = new StrayAgent(sites.b.namespace, [
      'setpriv',
      '--bounding-set=-all',
      '--reuid=65534',
      '--clear-groups',
    ])
    await agent.open(service)
    await until('the error', async () => (agent.errors.length > 0 ? null : 'none'))
    expect(agent.errors[0]!.message).toContain('CAP_NET_ADMIN')
    await agent.close()
  })
})

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

test('the guest runs this with the WireGuard of the kernel', () => {
  expect(inKernel).toBe(process.env.ANYWARD_TEST_KERNEL === '1')
})
