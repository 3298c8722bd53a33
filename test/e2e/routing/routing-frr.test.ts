import { chmod, chown } from 'node:fs/promises'
import { dirname } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { normally } from '../../../src/net/announcements.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { observeLists } from '../../observation-lists.ts'
import { patience } from '../../patience.ts'
import {
  covering4,
  covering6,
  everything,
  host4,
  host6,
  neighbors,
  otherCovering4,
} from '../fixtures/routing/configs.ts'
import { failureOf, untilAnnounced } from '../fixtures/routing/expectations.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'
import { failWithoutRights, otherUser } from '../fixtures/routing/without-rights.ts'

const nothing = new Set<string>()
let pair: Pair
let frr: RoutingDaemon
/** Another client of the same daemon. */
let foreign: Vty

beforeAll(async () => {
  pair = await startPair('frr')
  frr = createFrr({ manifest: pair.manifest })
  foreign = new Vty({ socketPath: pair.manifest.paths.daemonSocket })
})

afterAll(async () => {
  frr?.close()
  foreign?.close()
  await pair?.stop()
})

beforeEach(async () => {
  await pair.sessionsUp()
  await announce(everything)
})

/** Applies again and again, as the reconciler does: bgpd loses a withdrawal just after a session came up. */
async function announce(desired: ReadonlySet<string>): Promise<void> {
  await until('the neighbors have what is desired', async () => {
    await frr.apply(normally(desired))
    return untilAnnounced(pair, desired, 300).then(() => null, String)
  })
}

/** Edits bgpd's running configuration through `vtysh`, as an engineer does. */
async function edit(...lines: string[]): Promise<void> {
  const vtysh = [
    '--vty_socket',
    dirname(pair.manifest.paths.daemonSocket),
    '--config_dir',
    dirname(pair.configFile),
  ]
  await execa('vtysh', [...vtysh, ...['configure terminal', ...lines].flatMap((line) => ['-c', line])])
}

describe('on a healthy bgpd', () => {
  test('identify returns its version and router id', async () => {
    expect(await frr.identify()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+/),
      routerId: '10.0.0.11',
    })
  })

  test('each neighbor receives the prefixes for its kind, and observe agrees with the neighbors', async () => {
    const observation = await observeLists(frr)
    expect(observation.originated).toEqual([covering4, host4, otherCovering4, covering6, host6])
    for (const { neighbor, session, announced } of observation.neighbors) {
      expect({ neighbor, session, announced: [...announced].sort() }).toEqual({
        neighbor,
        session: 'up',
        announced: await pair.received(neighbor),
      })
    }
    expect(await pair.received('transit1')).toEqual([covering4, otherCovering4])
    expect(await pair.received('tor1')).toEqual([covering4, host4, otherCovering4])
  })

  test('a withdrawal reaches every neighbor, and observe reports it', async () => {
    await announce(nothing)
    expect(await observeLists(frr)).toEqual({
      originated: [],
      neighbors: neighbors.map(({ name }) => ({
        neighbor: name,
        session: 'up',
        announced: [],
        degraded: [],
      })),
      degraded: [],
      otherAnnouncers: null,
    })
  })

  test('observe never reports a withdrawal before the neighbors have it', async () => {
    for (let round = 0; round < 5; round += 1) {
      await frr.apply(normally(nothing))
      await until('observe sees the withdrawal', async () => {
        const left = (await observeLists(frr)).neighbors.flatMap(({ announced }) => announced)
        return left.length === 0 ? null : `still advertised: ${left}`
      })
      // An update that bgpd has sent is on the veth by now, and BIRD processes it before it answers our query.
      await untilAnnounced(pair, nothing, 1000)
      await announce(everything)
    }
  })

  test('a withdrawal of one service leaves the other announced', async () => {
    await announce(new Set([otherCovering4]))
    expect((await observeLists(frr)).originated).toEqual([otherCovering4])
  })

  test('the last call of a burst takes effect', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => frr.apply(normally(index % 2 === 0 ? everything : nothing))),
    )
    await untilAnnounced(pair, nothing)
  })

  test('a neighbor that is not in the configuration is reported as a missing session', async () => {
    const [first] = pair.manifest.neighbors
    const other = createFrr({
      manifest: { ...pair.manifest, neighbors: [{ ...first!, address: '10.9.9.9' }] },
    })
    try {
      expect((await observeLists(other)).neighbors).toEqual([
        { neighbor: 'transit1', session: 'missing', announced: [], degraded: [] },
      ])
    } finally {
      other.close()
    }
  })

  test('a session that is down has no announcements', async () => {
    await edit('router bgp 64500', 'neighbor 10.9.1.1 shutdown')
    try {
      await untilEqual(
        'the session',
        { neighbor: 'transit1', session: 'down', announced: [], degraded: [] },
        async () => (await observeLists(frr)).neighbors[0],
      )
    } finally {
      await edit('router bgp 64500', 'no neighbor 10.9.1.1 shutdown')
    }
  })

  test('after a withdrawal the running configuration has none of our network lines', async () => {
    await announce(nothing)
    expect(await foreign.ask('show running-config')).not.toMatch(/^\s+network /m)
  })
})

describe('failure 6: when an operator acts', () => {
  test('an edit with vtysh is detected and corrected', async () => {
    await edit('router bgp 64500', 'address-family ipv4 unicast', `no network ${covering4}`)
    expect((await observeLists(frr)).originated).toEqual([host4, otherCovering4, covering6, host6])
    await untilEqual('what transit1 has', [otherCovering4], () => pair.received('transit1'))
    await announce(everything)
  })

  test('an announcement with vtysh after our withdrawal is detected and withdrawn', async () => {
    await announce(nothing)
    await edit('router bgp 64500', 'address-family ipv4 unicast', `network ${covering4}`)
    await untilEqual('what transit1 has', [covering4], () => pair.received('transit1'))
    expect((await observeLists(frr)).neighbors[0]).toEqual({
      neighbor: 'transit1',
      session: 'up',
      announced: [covering4],
      degraded: [],
    })
    await announce(nothing)
  })

  test('an open `configure terminal` session does not block an apply', async () => {
    await foreign.ask('configure terminal')
    await foreign.ask('router bgp 64500')
    await announce(nothing)
    await foreign.ask('end')
  })

  test('failure 10: after a session reset the neighbor has its routes again without an apply', async () => {
    await foreign.ask('clear bgp *')
    await pair.sessionsUp()
    await untilAnnounced(pair, everything)
    await untilEqual('the routes advertised to transit1', [covering4, otherCovering4], async () => [
      ...(await observeLists(frr)).neighbors[0]!.announced,
    ])
  })
})

describe('just after bgpd has started', () => {
  test('failure 10: a withdrawal that bgpd loses is detected by observe, and repeated by the next apply', async () => {
    await pair.daemon.kill()
    await pair.daemon.start()
    // The window in which bgpd loses withdrawals: by default it ends a moment after the first announcement.
    await edit('router bgp 64500', 'coalesce-time 5000')
    await pair.sessionsUp()
    await until('it answers', () => frr.apply(normally(everything)).then(() => null, String))
    await untilAnnounced(pair, everything)
    await frr.apply(normally(nothing))
    await until('observe tells of a withdrawal', async () => {
      const stuck = (await observeLists(frr)).neighbors.flatMap(({ announced }) => announced)
      if (stuck.length === 0) return null
      await frr.apply(normally(nothing))
      return `still advertised: ${stuck}`
    })
    await untilAnnounced(pair, nothing, 2000)
    await edit('router bgp 64500', 'no coalesce-time 5000')
  })
})

describe('when the running configuration was changed', () => {
  test('a network line with an added route-map is withdrawn as well', async () => {
    await edit(
      'router bgp 64500',
      'address-family ipv4 unicast',
      `no network ${covering4}`,
      `network ${covering4} route-map other`,
    )
    expect((await observeLists(frr)).originated).toContain(covering4)
    await announce(nothing)
    expect(await foreign.ask('show running-config')).not.toContain(`network ${covering4}`)
  })

  test('an AS that bgpd does not run is reported, and no instance is created', async () => {
    const other = createFrr({ manifest: { ...pair.manifest, asn: 64999 } })
    try {
      const error = await failureOf(other.apply(normally(everything)))
      expect(error.code).toBe('refused')
      expect(error.message).toContain('does not run AS 64999')
      expect(await foreign.ask('show running-config')).not.toContain('64999')
    } finally {
      other.close()
    }
  })

  test('a bgpd without a configuration has no sessions, and a withdrawal creates no instance', async () => {
    await edit('no router bgp 64500')
    try {
      expect(await observeLists(frr)).toEqual({
        originated: [],
        neighbors: neighbors.map(({ name }) => ({
          neighbor: name,
          session: 'missing',
          announced: [],
          degraded: [],
        })),
        degraded: [],
        otherAnnouncers: null,
      })
      await frr.apply(normally(nothing))
      expect((await failureOf(frr.apply(normally(everything)))).code).toBe('refused')
      expect((await failureOf(frr.identify())).code).toBe('refused')
      expect(await foreign.ask('show running-config')).not.toContain('router bgp')
    } finally {
      await pair.daemon.kill()
      await pair.daemon.start()
    }
  })
})

describe('failure 4: when bgpd does not answer', () => {
  test('a stopped bgpd is a timeout within the deadline, and works again after SIGCONT', async () => {
    for (const withConnection of [true, false]) {
      const other = createFrr({ manifest: pair.manifest, deadlineMs: 300 })
      try {
        if (withConnection) await other.identify()
        await pair.daemon.freeze()
        const began = performance.now()
        expect((await failureOf(other.apply(normally(nothing)))).code).toBe('timeout')
        expect(performance.now() - began).toBeLessThan(patience(2000))
        expect((await failureOf(other.observe())).code).toBe('timeout')
        pair.daemon.thaw()
        await until('a retry succeeds', () => other.apply(normally(nothing)).then(() => null, String))
        await untilAnnounced(pair, nothing)
        await announce(everything)
      } finally {
        pair.daemon.thaw()
        other.close()
      }
    }
  })

  test('failure 10: a dead bgpd is reported as not running; a restarted one announces nothing until the next apply', async () => {
    await pair.daemon.kill()
    try {
      await until('the loss is seen', async () => {
        const { code } = await failureOf(frr.observe())
        return code === 'not-running' ? null : code
      })
      expect((await failureOf(frr.apply(normally(nothing)))).code).toBe('not-running')
    } finally {
      await pair.daemon.start()
    }
    await pair.sessionsUp()
    expect((await observeLists(frr)).originated).toEqual([])
    await untilAnnounced(pair, nothing)
    await announce(everything)
  })

  test('close rejects the pending operations', async () => {
    const other = createFrr({ manifest: pair.manifest })
    await pair.daemon.freeze()
    try {
      const calls = [other.observe(), other.apply(normally(nothing)), other.identify()].map(failureOf)
      setImmediate(() => other.close())
      for (const error of await Promise.all(calls)) expect(error.code).toBe('disconnected')
    } finally {
      pair.daemon.thaw()
    }
  })
})

describe('when permission is missing', () => {
  test('the error names the socket that this user may not open', async () => {
    const { daemonSocket } = pair.manifest.paths
    await chmod(daemonSocket, 0o600)
    await chown(daemonSocket, otherUser, otherUser)
    const { observe } = await failWithoutRights('frr', pair.manifest)
    expect(observe).toEqual({ code: 'permission', message: expect.stringContaining(daemonSocket) })
  })
})
