import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterEach, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { type ForeignNode, startForeignNode, untilSeen } from '../fixtures/apply/foreign-node.ts'

let node: ForeignNode
afterEach(async () => node.end(), patience(30_000))

const empty = { bird: 'log syslog all;\nprotocol device {\n}\n', frr: 'log syslog informational\n' } as const
/** A session that the bundle does not have, entered into the running FRR and in no file. */
const typeSession = () =>
  node.vtysh(
    ...['configure terminal', 'ip route 10.70.0.0/24 blackhole', 'router bgp 64500'],
    ...['neighbor 10.9.0.1 remote-as 64601', 'neighbor 10.9.0.1 timers connect 1'],
    ...['address-family ipv4 unicast', 'neighbor 10.9.0.1 activate'],
  )
const killAtVerify = async () => {
  const { outcome } = await node.apply(['--json'], (step, end) => {
    if (step === 'verify') end('SIGKILL')
  })
  expect(outcome).toBe(null)
}
const config = () => readFile(node.configFile, 'utf8')

test(
  'with --replace, an edited frr.conf is replaced, and a session that was entered at run time stays',
  async () => {
    node = await startForeignNode('frr')
    await node.run(empty.frr)
    expect((await node.apply()).outcome).toMatchObject({ applied: true })
    await untilSeen(node, ['transit1'])
    await typeSession()
    await untilSeen(node, ['transit1', 'upstream1'])
    await writeFile(node.configFile, `${await config()}ip route 10.71.0.0/24 blackhole\n`)

    const refused = await node.apply()
    expect(refused.outcome).toMatchObject({ applied: false, reason: 'edited' })
    const replaced = await node.apply(['--json', '--replace'])
    expect(replaced.outcome).toMatchObject({ applied: true })
    expect(await node.seenByPeer()).toEqual(['transit1', 'upstream1'])
    const running = await node.vtysh('show running-config')
    expect(running).toContain('ip route 10.70.0.0/24')
  },
  patience(120_000),
)

test(
  'after an apply on FRR was killed, the next one keeps a session that was entered since',
  async () => {
    node = await startForeignNode('frr')
    await node.run(empty.frr)
    await killAtVerify()
    await untilSeen(node, ['transit1'])
    await typeSession()
    await untilSeen(node, ['transit1', 'upstream1'])
    const next = await node.apply()
    expect(next.stderr).toContain('its changes are reverted')
    expect(next.outcome).toMatchObject({ applied: false, reason: 'foreign' })
    // bgpd restarts it: its router id was that of the bundle.
    await untilSeen(node, ['upstream1'])
    const running = await node.vtysh('show running-config')
    expect(running).toContain('ip route 10.70.0.0/24')
    expect(running).not.toContain('aw_transit1')
  },
  patience(120_000),
)

describe.each(['bird', 'frr'] as const)('on %s', (kind) => {
  test(
    'a disk that is full or read-only is named with its cure, and nothing is changed',
    async () => {
      node = await startForeignNode(kind)
      const [ours, etc] = [dirname(node.bundleDir), dirname(node.configFile)]
      const mount = (...args: string[]) => execa('mount', args)
      await mkdir(ours)
      await mount('-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', ours)
      await mount('--bind', etc, etc)
      try {
        await node.run(empty[kind])
        await writeFile(join(ours, 'full'), 'x'.repeat(12_288))
        const full = await node.apply()
        expect(full.exitCode).toBe(2)
        expect(full.stderr).toMatch(
          /cannot write \S+apply\.json: ENOSPC\n {4}make room on its file system, and apply again$/,
        )
        expect(await config()).toBe(empty[kind])
        expect(await node.seenByPeer()).toEqual([])

        await mount('-o', 'remount,size=10m', ours)
        expect((await node.apply()).outcome).toMatchObject({ applied: true })
        await untilSeen(node, ['transit1'])
        const comment = kind === 'bird' ? 'protocol static s { ipv4; }' : 'ip route 10.50.0.0/24 blackhole'
        const edited = `${await config()}${comment}\n`
        await writeFile(node.configFile, edited)
        await mount('-o', 'remount,ro,bind', etc)
        const locked = await node.apply(['--json', '--replace'])
        expect(locked.exitCode).toBe(2)
        expect(locked.stderr).toMatch(/cannot write \S+: EROFS\n {4}mount its file system for writing, and/)
        expect(await readdir(ours)).not.toContain('apply.json')
        expect(await config()).toBe(edited)
        expect(await node.seenByPeer()).toEqual(['transit1'])
      } finally {
        for (const folder of [ours, etc]) await execa('umount', [folder])
      }
    },
    patience(120_000),
  )

  test(
    'after an apply was killed, the next one keeps what an engineer has changed since',
    async () => {
      node = await startForeignNode(kind)
      await node.run(empty[kind])
      await killAtVerify()
      const own =
        kind === 'bird'
          ? `${empty.bird}router id 10.9.0.2;\nprotocol bgp upstream1 { local 10.9.0.2 as 64500; neighbor 10.9.0.1 as 64601; connect delay time 1; ipv4 { import all; export none; }; }\n`
          : `${empty.frr}router bgp 64500\n no bgp ebgp-requires-policy\n neighbor 10.9.0.1 remote-as 64601\n neighbor 10.9.0.1 timers connect 1\nexit\n`
      await node.run(own)
      await untilSeen(node, ['upstream1'])
      const next = await node.apply()
      expect(next.stderr).toContain('was changed since, and stays as it is')
      expect(await config()).toBe(own)
      expect(await node.seenByPeer()).toEqual(['upstream1'])
      expect(next.outcome).toMatchObject({ applied: false, reason: 'foreign' })
    },
    patience(120_000),
  )
})
