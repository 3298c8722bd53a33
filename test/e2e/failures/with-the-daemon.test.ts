import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { BirdConfiguration, isLater, type Moment } from '../../../src/node/routing/bird/configure.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { patience } from '../../patience.ts'
import { cli, type Lab, labDown, labUp, until } from '../fixtures/lab/lab.ts'
import { NodeUnderTest } from './node-under-test.ts'

let lab: Lab

beforeAll(async () => {
  lab = await labUp('test/e2e/failures/fleet')
}, patience(240_000))
afterAll(labDown, patience(60_000))

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let node: NodeUnderTest

  beforeAll(async () => {
    node = new NodeUnderTest(lab, lab.nodes.find(({ daemon }) => daemon === kind)!)
    await node.learn()
    expect(node.everything.length).toBeGreaterThanOrEqual(2)
  })
  afterAll(() => node.close())
  afterEach(() => node.repair())

  /** An operator's commands on the daemon's own socket: withdraws an announced prefix, or announces a withdrawn one. */
  const meddle = async (announced: boolean) => {
    const { daemonSocket, announceFile } = node.manifest.paths
    if (kind === 'bird') {
      const route = announced ? 'route 192.0.2.0/24 blackhole;' : ''
      await writeFile(
        announceFile!,
        `protocol static anyward4 { ipv4; ${route} }\nprotocol static anyward6 { ipv6; }\n`,
      )
      const client = new BirdClient({ socketPath: daemonSocket, deadlineMs: patience(10_000) })
      await client.send('configure')
      client.close()
      return
    }
    const vty = new Vty({ socketPath: daemonSocket, deadlineMs: patience(10_000) })
    const network = `${announced ? '' : 'no '}network 192.0.2.0/24`
    for (const line of ['configure terminal', 'router bgp 64500', 'address-family ipv4 unicast', network]) {
      await vty.ask(line)
    }
    vty.close()
  }

  /** Counters that change whenever the daemon gets a command or evaluates its routes again. */
  const fingerprint = async (): Promise<Moment | string[]> => {
    const { daemonSocket } = node.manifest.paths
    if (kind === 'bird') {
      const bird = new BirdConfiguration(daemonSocket, patience(10_000))
      const moment = await bird.lastReconfiguration()
      bird.close()
      return moment
    }
    const vty = new Vty({ socketPath: daemonSocket, deadlineMs: patience(10_000) })
    const versions: string[] = []
    for (const family of ['ipv4', 'ipv6']) {
      versions.push(/table version is (\d+)/.exec(await vty.ask(`show bgp ${family} unicast`))![1]!)
    }
    vty.close()
    return versions
  }

  test('failure 1: a withdrawal that the daemon did not accept is retried until no neighbor has the routes', async () => {
    node.signalDaemons('SIGSTOP')
    try {
      await node.removeAddress()
      const counted = /anyward_reconcile_failures_total\{cause="timeout"\} [1-9]/
      await until(
        'counted',
        () => node.metrics(),
        (metrics) => counted.test(metrics),
      )
      const { services, daemon } = await node.status()
      expect(services[0]).toMatchObject({ decision: 'withdraw', reason: 'address-missing' })
      // Routes that the neighbors still have are not reported as withdrawn.
      expect(services[0]!.announced.length).toBe(node.everything.length)
      expect(daemon.verified).toBe(false)
      expect(await node.rows()).toEqual(node.everything)
    } finally {
      node.signalDaemons('SIGCONT')
    }
    await node.gone()
  })

  test('failure 5: of several changes while the daemon is stopped, the last one takes effect after SIGCONT', async () => {
    // First a sequence that ends announced, then one that ends withdrawn.
    for (const [first, last] of [
      ['withdraw', 'announce'],
      ['announce', 'withdraw'],
    ] as const) {
      const make = { withdraw: () => node.removeAddress(), announce: () => node.addAddress() }
      if (first === 'announce') {
        await node.removeAddress()
        await node.gone()
      }
      node.signalDaemons('SIGSTOP')
      try {
        await make[first]()
        await node.until('trouble', ({ services, daemon }) => {
          return services[0]!.decision === first && daemon.trouble?.cause === 'timeout'
        })
        await make[last]()
        await node.until(last, ({ services }) => services[0]!.decision === last)
      } finally {
        node.signalDaemons('SIGCONT')
      }
      if (last === 'announce') await node.back()
      else await node.gone()
    }
  })

  test('failure 6: a prefix that an operator withdraws or announces at the daemon is detected, reported and corrected', async () => {
    const before = (await node.events()).length
    await meddle(false)
    await node.untilEvent({ event: 'trouble', cause: 'drift' }, before)
    await node.back()
    await node.removeAddress()
    await node.gone()
    const after = (await node.events()).length
    await meddle(true)
    await node.untilEvent({ event: 'trouble', cause: 'drift' }, after)
    await node.gone()
  })

  test('failure 7: where the daemon does not withdraw a dead endpoint, its addresses are removed, and restored later', async () => {
    node.signalDaemons('SIGSTOP')
    try {
      await node.setProbePeer('vpn', false)
      await node.until('the addresses are off', ({ heldAddresses }) => heldAddresses.length === 2)
      await until(
        'the addresses are removed',
        async () => (await node.run('ip', ['-br', 'addr', 'show', 'dev', 'lo'])).stdout,
        (addresses) => node.manifest.services[0]!.anycast.every((one) => !addresses.includes(`${one}/`)),
      )
      expect(await node.metrics()).toMatch(/^anyward_held_addresses 2$/m)
    } finally {
      node.signalDaemons('SIGCONT')
    }
    await node.gone()
    await node.until('the addresses are back', ({ heldAddresses }) => heldAddresses.length === 0)
  })

  // FRR has no file of ours.
  if (kind === 'bird') {
    test('failure 21: where the include cannot be written, routes withdrawn by `disable` are reported as withdrawn', async () => {
      const file = node.manifest.paths.announceFile!
      const before = (await node.events()).length
      await node.run('chattr', ['+i', file])
      try {
        await node.setLink('down')
        await node.untilRows('no neighbor has our routes', (rows) => rows.length === 0)
        const { daemon } = await node.until('status reports the withdrawal', ({ services, daemon }) => {
          return services[0]!.announced.length === 0 && daemon.trouble?.cause === 'permission'
        })
        expect(daemon.verified).toBe(false)
        await node.untilEvent({ event: 'withdrawn' }, before)
        await until(
          'the metrics report the withdrawal',
          () => node.metrics(),
          (metrics) =>
            !/^anyward_announced\{.*\} 1$/m.test(metrics) &&
            /^anyward_transition_seconds_count\{.*to="withdraw".*\} [1-9]/m.test(metrics),
        )
        // Longer than the time after which the addresses of a dead, announced service are removed.
        const due = Date.now() + 5000
        const { heldAddresses } = await node.until('5 s later', ({ time }) => Date.parse(time) > due)
        expect(heldAddresses).toEqual([])
      } finally {
        await node.run('chattr', ['-i', file])
      }
      await node.gone()
      await node.setLink('up')
      await node.back()
    })
  }

  test('failure 9: after fifty changes of the link in a row the neighbors have the state of the last one', async () => {
    const { wireguardInterface } = node.node
    const flicker = (last: 'up' | 'down') => {
      const lines = Array.from({ length: 50 }, (_, index) => {
        return `link set ${wireguardInterface} ${(index % 2 === 0) === (last === 'up') ? 'down' : 'up'}`
      })
      return node.run('sh', ['-c', `printf '${lines.join('\\n')}\\n' | ip -batch -`])
    }
    await flicker('down')
    await node.gone()
    await flicker('up')
    await node.back()
  })

  test('failure 9: a second controller refuses to start, and changes nothing', async () => {
    await node.expectKept(async () => {
      const second = node.run(process.execPath, [cli, 'controller', '--bundle', node.node.bundle])
      const { exitCode, stderr } = await second.catch((error) => error)
      expect(exitCode).toBe(1)
      expect(stderr).toContain(`another controller is already running for ${node.node.name}`)
    })
  })

  test('failure 10: a daemon that restarted without the controller gets its announcements again', async () => {
    const before = (await node.events()).length
    const start = await node.killDaemon()
    await node.untilEvent({ event: 'trouble', cause: 'not-running' }, before)
    await node.until(
      'no route is reported as announced',
      ({ services }) => services[0]!.announced.length === 0,
    )
    await node.untilRows('no neighbor has our routes', (rows) => rows.length === 0)
    await start()
  })

  test('failure 17: a controller that starts before everything else announces only services that work', async () => {
    await node.stop('SIGTERM')
    await node.untilRows('withdrawn', (rows) => rows.length === 0)
    await node.removeWireguard()
    const startDaemon = await node.killDaemon()
    await node.start()
    const isOut = ({ services }: Awaited<ReturnType<NodeUnderTest['status']>>) =>
      services[0]!.reason === 'interface-missing'
    await node.until('it waits for the interface', isOut)
    await startDaemon()
    await node.until('the sessions are up', ({ neighbors }) =>
      neighbors.every(({ session }) => session === 'up'),
    )
    await node.gone()
    await node.startWireguard()
  })

  test('failure 18: names and prefixes that would inject lines into a configuration are refused, with file and line', async () => {
    const sites = await mkdtemp(join(tmpdir(), 'anyward-hostile-'))
    const sound = await readFile('test/e2e/failures/fleet/oslo.yaml', 'utf8')
    const fleet = await readFile('test/e2e/failures/fleet/fleet.yaml', 'utf8')
    try {
      for (const [what, place, text] of [
        ['name: oslo-a', 'nodes[0].name', 'name: "oslo-a\\n network 203.0.113.0/24"'],
        ['name: oslo-tor,', 'nodes[0].neighbors[2].name', 'name: "tor; } protocol static x { ipv4; ", '],
        [
          'kind: tor,',
          'nodes[0].neighbors[2].description',
          'kind: tor, description: "a\\"; } protocol x {\\n",',
        ],
        ['address: 10.1.2.1,', 'nodes[0].neighbors[2].address', 'address: "10.1.2.1\\n!\\nexit", '],
      ]) {
        await writeFile(join(sites, 'fleet.yaml'), fleet)
        await writeFile(join(sites, 'oslo.yaml'), sound.replace(what!, text!))
        const plan = node.run(process.execPath, [cli, 'plan', '--sites', sites, '--out', join(sites, 'out')])
        const { exitCode, stderr, stdout } = await plan.catch((error) => error)
        expect([exitCode, `${stderr}${stdout}`]).toEqual([1, expect.stringContaining(place!)])
      }
    } finally {
      await rm(sites, { recursive: true })
    }
    await node.stop('SIGHUP')
    await node.expectKept(async () => {
      await node.start({
        change: ({ services }) => services[0]!.prefixes.push('192.0.2.0/24\nnetwork 203.0.113.0/24'),
      })
      const { exitCode, all } = await node.ended!
      expect([exitCode, all]).toEqual([1, expect.stringContaining('services.0.prefixes.')])
    })
  })

  test('failure 20: while nothing changes, and across a restart of the controller, the daemon gets no command', async () => {
    const before = await fingerprint()
    const expectSame = async () => {
      const now = await fingerprint()
      if ('earliest' in before) expect(isLater(now as Moment, before)).toBe(false)
      else expect(now).toEqual(before)
    }
    const probes = async () =>
      Number(/anyward_probe_duration_seconds_count\{.*check="ping"\} (\d+)/.exec(await node.metrics())?.[1])
    const goOn = async () => {
      const begun = await probes()
      await until('10 probes more', probes, (count) => count >= begun + 10)
    }
    await goOn()
    await node.restart()
    await node.agrees()
    await goOn()
    await expectSame()
  })
})
