import {
  access,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { type ForeignNode, type Kind, startForeignNode, untilSeen } from '../fixtures/apply/foreign-node.ts'

/** An edge with an upstream, OSPF and static routes, as an engineer writes it. */
const ownRouting = {
  bird: `# the edge of fra1
router id 10.9.0.2;
define MYAS = 64500;
protocol device {}
protocol kernel { ipv4 { export all; }; }
protocol static edge { ipv4; route 10.50.0.0/24 blackhole; route 10.51.0.0/24 via 10.9.0.1; }
protocol ospf v2 core { ipv4 { import all; export none; }; area 0 { interface "fe0" { hello 1; type ptp; }; }; }
protocol bgp upstream1 {
  local 10.9.0.2 as MYAS; neighbor 10.9.0.1 as 64601; connect delay time 1;
  ipv4 { import all; export none; };
}
`,
  frr: `frr defaults traditional
log syslog informational
ip route 10.50.0.0/24 blackhole
ip route 10.51.0.0/24 10.9.0.1
interface fe0
 ip ospf area 0
 ip ospf dead-interval 4
 ip ospf hello-interval 1
 ip ospf network point-to-point
exit
router ospf
 ospf router-id 10.9.0.2
exit
router bgp 64500
 no bgp ebgp-requires-policy
 neighbor 10.9.0.1 remote-as 64601
 neighbor 10.9.0.1 timers connect 1
exit
`,
} as const

const ofPackage = {
  bird: `log syslog all;
protocol device {
}
protocol direct {
	disabled;		# Disable by default
	ipv4;			# Connect to default IPv4 table
	ipv6;			# ... and to default IPv6 table
}
protocol kernel {
	ipv4 {			# Connect protocol to IPv4 table by channel
	      export all;	# Export to protocol. default is export none
	};
}
protocol kernel {
	ipv6 { export all; };
}
protocol static {
	ipv4;			# Again, IPv4 channel with default options
}
`,
  frr: `# default to using syslog. /etc/rsyslog.d/45-frr.conf places the log in
# /var/log/frr/frr.log
log syslog informational
service integrated-vtysh-config
`,
} as const

const everything = ['ospf', 'upstream1']

describe.each(['bird', 'frr'] as const)('apply on a %s node with routing of its own', (kind: Kind) => {
  let node: ForeignNode
  afterEach(async () => node.end(), patience(30_000))
  const start = async (config: string) => {
    node = await startForeignNode(kind)
    await node.run(config)
  }
  const config = () => readFile(node.configFile, 'utf8')
  const isInstalled = () =>
    access(join(node.bundleDir, 'manifest.json')).then(
      () => true,
      () => false,
    )
  const copies = async () =>
    (await readdir(dirname(node.configFile))).filter((name) =>
      name.startsWith(`${basename(node.configFile)}.`),
    )

  test(
    'refuses and lists what would go; with --replace it goes, and a copy stays; a stop in between undoes it',
    async () => {
      await start(ownRouting[kind])
      await untilSeen(node, everything)
      const { exitCode, outcome } = await node.apply()
      expect(outcome).toMatchObject({ applied: false, undone: false, reason: 'foreign', copies: [] })
      expect(exitCode).toBe(1)
      const listed = outcome!.foreign
        .map(({ what, state, place }) => `${what}: ${state} (${place})`)
        .join('\n')
      const [session, ospf, routes] =
        kind === 'bird'
          ? [
              'BGP session upstream1 to 10.9.0.1 AS 64601',
              'OSPF process core',
              '2 static routes (protocol edge)',
            ]
          : ['BGP session to 10.9.0.1 AS 64601', 'OSPF process', '2 static routes']
      expect(listed).toContain(`${session}`)
      expect(listed).toMatch(/BGP session .*: Established, 2 routes \(\S+\/etc\/(bird|frr)\.conf:\d+\)/)
      expect(listed).toContain(ospf)
      expect(listed).toMatch(/OSPF process.*1 neighbor Full/)
      expect(listed).toContain(routes)
      if (kind === 'frr')
        expect(listed).toContain('setting of router bgp 64500 (no bgp ebgp-requires-policy)')
      const { stdout } = await node.apply([])
      expect(stdout).toMatch(/^refused \(foreign\): edge-a has routing that is in no bundle/)
      expect(stdout).toContain(`  ${session}`)
      expect(stdout).toContain('--replace')
      expect(stdout).toContain('routing: attached')
      expect(await config()).toBe(ownRouting[kind])
      expect([await isInstalled(), await copies()]).toEqual([false, []])
      expect(await node.seenByPeer()).toEqual(everything)

      const stopped = await node.apply(['--json', '--replace'], (step, end) => {
        if (step === 'verify') end()
      })
      expect(stopped.outcome).toMatchObject({
        applied: false,
        undone: true,
        reason: 'interrupted',
        copies: [],
      })
      expect(await config()).toBe(ownRouting[kind])
      expect([await isInstalled(), await copies()]).toEqual([false, []])
      await untilSeen(node, everything)

      const before = await stat(node.configFile)
      const replaced = await node.apply(['--json', '--replace'])
      expect(replaced.outcome).toMatchObject({ applied: true, reason: 'applied' })
      expect(replaced.exitCode).toBe(0)
      const [copy] = replaced.outcome!.copies
      expect(copy).toMatch(/\.conf\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/)
      expect(replaced.outcome!.notes.join()).toContain(copy)
      expect(await readFile(copy!, 'utf8')).toBe(ownRouting[kind])
      const now = await stat(copy!)
      expect([now.mode, now.uid, now.gid]).toEqual([before.mode, before.uid, before.gid])
      await untilSeen(node, ['transit1'])
      // Nothing of it returns at a boot.
      await node.restart()
      await untilSeen(node, ['transit1'])
    },
    patience(300_000),
  )

  test(
    "the package's own configuration is replaced; a file that is changed later is not",
    async () => {
      await start(ofPackage[kind])
      expect((await node.apply()).outcome).toMatchObject({ applied: true, foreign: [], copies: [] })
      await untilSeen(node, ['transit1'])
      const installed = await config()

      const [from, to] =
        kind === 'bird'
          ? [
              'neighbor 10.9.0.4 as 64602;',
              'neighbor 10.9.0.4 as 64602; password "not-to-be-seen"; hold time 30;',
            ]
          : [
              ' neighbor 10.9.0.4 remote-as 64602\n',
              ' neighbor 10.9.0.4 remote-as 64602\n neighbor 10.9.0.4 password not-to-be-seen\n neighbor 10.9.0.4 timers 10 30\n',
            ]
      const edited = installed.replace(from, to)
      expect(edited).not.toBe(installed)
      await writeFile(node.configFile, edited)
      const { exitCode, outcome, stderr } = await node.apply()
      expect(outcome).toMatchObject({ applied: false, reason: 'edited', copies: [] })
      expect(exitCode).toBe(1)
      expect(outcome!.difference).toMatch(/^\+.*(hold time 30|timers 10 30)/m)
      expect(JSON.stringify(outcome) + stderr).not.toContain('not-to-be-seen')
      expect(await config()).toBe(edited)

      const replaced = await node.apply(['--json', '--replace'])
      expect(replaced.outcome).toMatchObject({ applied: true })
      expect(await readFile(replaced.outcome!.copies[0]!, 'utf8')).toBe(edited)
      expect(await config()).toBe(installed)
    },
    patience(300_000),
  )

  // BIRD starts a session again whose protocol has another name; FRR names a session by its address.
  const ofFrr = [
    ['by default', ''],
    ['by a line of its own', ' no bgp default ipv4-unicast\n'],
  ] as const
  test.for(kind === 'frr' ? ofFrr : [])(
    'a session that the bundle has too, and whose family is activated %s, stays up, also when it is undone',
    { timeout: patience(120_000) },
    async ([, defaults]) => {
      await start(`frr defaults traditional
router bgp 64500
 bgp router-id 10.9.0.2
${defaults} no bgp ebgp-requires-policy
 bgp graceful-restart-disable
 neighbor 10.9.0.4 remote-as 64602
 neighbor 10.9.0.4 update-source 10.9.0.3
 neighbor 10.9.0.4 local-role customer
 no neighbor 10.9.0.4 enforce-first-as
 neighbor 10.9.0.4 timers connect 1
 address-family ipv4 unicast
  neighbor 10.9.0.4 activate
 exit-address-family
exit
`)
      await untilSeen(node, ['transit1'])
      const drops = async () => {
        const { '10.9.0.4': neighbor } = JSON.parse(
          await node.vtysh('show bgp neighbors 10.9.0.4 json'),
        ) as Record<string, { connectionsDropped: number }>
        return neighbor!.connectionsDropped
      }
      const before = await drops()
      const stopped = await node.apply(['--json', '--replace'], (step, end) => {
        if (step === 'verify') end()
      })
      expect(stopped.outcome).toMatchObject({ applied: false, undone: true })
      expect(await drops()).toBe(before)
      expect((await node.apply(['--json', '--replace'])).outcome).toMatchObject({ applied: true })
      expect(await drops()).toBe(before)
      expect(await node.seenByPeer()).toEqual(['transit1'])
    },
  )

  test(
    'finds what is in no configuration file, and what is in another one',
    async () => {
      await start(ownRouting[kind])
      await untilSeen(node, everything)
      // The running daemon has it, and the file has not.
      await writeFile(node.configFile, ofPackage[kind])
      const { outcome } = await node.apply()
      expect(outcome).toMatchObject({ applied: false, reason: 'foreign' })
      expect(outcome!.foreign.map(({ what }) => what).join()).toMatch(/BGP session .*10\.9\.0\.1/)
      expect(outcome!.foreign.map(({ place }) => place)).toEqual(outcome!.foreign.map(() => null))

      // Files that are read besides, or instead.
      await node.stop()
      if (kind === 'bird') {
        await mkdir(join(dirname(node.configFile), 'peers'))
        await writeFile(
          join(dirname(node.configFile), 'peers', 'up.conf'),
          'protocol bgp upstream1 { local 10.9.0.2 as 64500; neighbor 10.9.0.1 as 64601; ipv4 { import none; export none; }; }\n',
        )
        await node.run(`${ofPackage.bird}include "peers/*.conf";\n`)
      } else {
        await writeFile(
          join(dirname(node.configFile), 'bgpd.conf'),
          'router bgp 64500\n neighbor 10.9.0.1 remote-as 64601\n',
        )
        await writeFile(join(dirname(node.configFile), 'daemons'), 'bgpd=yes\nospfd=yes\n')
        await writeFile(
          join(dirname(node.configFile), 'ospfd.conf'),
          'router ospf\n ospf router-id 10.9.0.2\n',
        )
        await node.restart()
        await rm(node.configFile)
      }
      const other = await node.apply()
      expect(other.outcome).toMatchObject({ applied: false, reason: 'foreign' })
      const listed = other.outcome!.foreign.map(({ what, place }) => `${what} (${place})`).join('\n')
      expect(listed).toMatch(/BGP session .*10\.9\.0\.1 AS 64601.* \(\S+\/(peers\/up|bgpd)\.conf:\d\)/)
      if (kind === 'frr') {
        expect(listed).toMatch(/OSPF process \(\S+\/ospfd\.conf:1\)/)
        expect(other.outcome!.foreign.map(({ state }) => state).join()).toContain('starts ospfd')
      }
    },
    patience(300_000),
  )

  test(
    'a link, a file that is none, and a daemon that does not run are clear errors',
    async () => {
      await start(ownRouting[kind])
      await untilSeen(node, everything)
      const elsewhere = join(node.dir, 'elsewhere.conf')
      await rename(node.configFile, elsewhere)
      await symlink(join(node.dir, 'missing'), node.configFile)
      const refused = async () => {
        const { exitCode, outcome } = await node.apply()
        expect(exitCode).toBe(1)
        expect(outcome).toMatchObject({ applied: false, reason: 'refused' })
        return outcome!.detail
      }
      expect(await refused()).toContain('is a link to a file that does not exist')
      await rm(node.configFile)
      await mkdir(node.configFile)
      expect(await refused()).toContain('is not a regular file')
      await rm(node.configFile, { recursive: true })
      await writeFile(node.configFile, '')
      await truncate(node.configFile, 65 * 2 ** 20)
      expect(await refused()).toContain('is larger than 64 MB')
      await rm(node.configFile)

      await symlink(elsewhere, node.configFile)
      expect((await node.apply()).outcome).toMatchObject({ applied: false, reason: 'foreign' })
      const { outcome } = await node.apply(['--json', '--replace'])
      expect(outcome).toMatchObject({ applied: true })
      expect(outcome!.copies.map((copy) => dirname(copy))).toEqual([dirname(node.configFile)])
      expect(await readFile(outcome!.copies[0]!, 'utf8')).toBe(ownRouting[kind])
      expect(await readFile(elsewhere, 'utf8')).toContain('anyward plan')

      await node.stop()
      await rm(node.bundleDir, { recursive: true })
      await writeFile(elsewhere, ownRouting[kind])
      const { exitCode, stderr } = await node.apply()
      expect(exitCode).toBe(2)
      expect(stderr).toContain('check that the routing daemon is running')
    },
    patience(300_000),
  )
})
