import { describe, expect, test } from 'vitest'
import { type Line, type Lines, readLines } from '../../../../src/node/apply/frr-lines.ts'
import {
  commandsToAdd,
  commandsToEnd,
  commandsToRemove,
  commandsToReset,
  findGap,
} from '../../../../src/node/apply/frr-steps.ts'

const everything = () => true

const running = `Building configuration...

Current configuration:
!
frr version 8.4.4
frr defaults traditional
hostname vm
!
ip route 192.0.2.0/24 blackhole 254
!
router bgp 64500
 bgp router-id 10.0.0.2
 no bgp default ipv4-unicast
 neighbor 10.2.0.1 remote-as 64600
 neighbor 10.2.0.1 description transit one
 !
 address-family ipv4 unicast
  network 192.0.2.0/24
  neighbor 10.2.0.1 activate
  neighbor 10.2.0.1 route-map aw-in in
 exit-address-family
exit
!
ip prefix-list aw seq 5 permit 0.0.0.0/0
!
route-map aw-in permit 10
 match ip address prefix-list aw
exit
!
route-map aw-in deny 65535
exit
!
rpki
exit
!
end
`

/** A simple model of FRR: adds and removes lines. */
function gapTo(text: string, obsolete: (key: string) => boolean = everything) {
  return findGap(readLines(running), readLines(text), obsolete)
}

describe('the lines of a running configuration', () => {
  test('have their blocks, and omit lines about the machine', () => {
    const keys = [...(readLines(running) as Lines).keys()].map((key) => key.split('\0').join(' / '))
    expect(keys).toContain('router bgp 64500 / address-family ipv4 unicast / neighbor 10.2.0.1 activate')
    expect(keys).toContain('route-map aw-in permit 10 / match ip address prefix-list aw')
    expect(keys.filter((key) => /hostname|frr |rpki|exit|!/.test(key))).toEqual([])
  })
})

describe('the removal of a router', () => {
  const obsolete = (key: string) => !key.includes('10.2.0.1')
  test('waits while it has lines that are not obsolete', () => {
    const excess = gapTo('', obsolete).excess.map((line) => line.join(' / '))
    expect(excess).toContain('router bgp 64500 / bgp router-id 10.0.0.2')
    expect(excess).not.toContain('router bgp 64500')
    expect(gapTo('').excess.map((line) => line.join(' / '))).toContain('router bgp 64500')
  })

  test('does not wait where another AS takes its place', () => {
    const excess = gapTo('router bgp 64501\n', obsolete).excess.map((line) => line.join(' / '))
    expect(excess).toContain('router bgp 64500')
  })

  test('does not wait in the policies, where each line is ours', () => {
    const excess = gapTo('', (key) => !key.includes('match ip')).excess.map((line) => line.join(' / '))
    expect(excess).toContain('route-map aw-in permit 10')
  })
})

describe('the commands from one configuration to another', () => {
  test('are none between equal ones', () => {
    const gap = gapTo(running)
    expect([commandsToAdd(gap), commandsToRemove(gap, 0)]).toEqual([[], []])
  })

  test('never change an announcement of the controller', () => {
    const gap = gapTo(running.replace('  network 192.0.2.0/24\n', '  network 198.51.100.0/24\n'))
    expect([commandsToAdd(gap), commandsToRemove(gap, 0)]).toEqual([[], []])
  })

  test('add and remove an announcement of a file, and no other', () => {
    const [router, family] = ['router bgp 64500', 'address-family ipv4 unicast']
    const ours = (line: Line) => line[2] !== 'network 203.0.113.0/24' && line[2] !== 'network 192.0.2.0/24'
    const withLine = running.replace(
      'address-family ipv4 unicast\n',
      'address-family ipv4 unicast\n  network 203.0.113.0/24\n',
    )
    const { missing } = findGap(readLines(running), readLines(withLine), everything, ours)
    expect(missing).toEqual([[router, family, 'network 203.0.113.0/24']])
    const { excess } = findGap(readLines(withLine), readLines(running), everything, ours)
    expect(excess).toEqual([[router, family, 'network 203.0.113.0/24']])
    expect(findGap(readLines(withLine), readLines(running), everything).excess).toEqual([])
  })

  test('keep a line that is in neither the old nor the new configuration', () => {
    const gap = gapTo(running.replace('ip route 192.0.2.0/24 blackhole 254\n', ''), () => false)
    expect(gap.excess).toEqual([])
  })

  test('lists come first, then route-maps, which deny until they are complete, then the sessions', () => {
    const gap = gapTo(
      running
        .replace('description transit one', 'description transit two')
        .replace(
          'route-map aw-in deny 65535',
          'route-map aw-in permit 20\n match ip address prefix-list b\nexit\n!\nroute-map aw-in deny 65535',
        )
        .replace(
          '!\nroute-map aw-in permit 10',
          'ip prefix-list b seq 5 permit 10.0.0.0/8\n!\nroute-map aw-in permit 10',
        ),
    )
    expect(commandsToAdd(gap)).toEqual([
      'ip prefix-list b seq 5 permit 10.0.0.0/8',
      // Without `exit` between two of them: bgpd 8.4 takes long for each.
      ...['route-map aw-in deny 20', 'match ip address prefix-list b'],
      ...['route-map aw-in permit 20', 'exit'],
      ...['router bgp 64500', 'neighbor 10.2.0.1 description transit two', 'exit'],
    ])
  })

  test('a neighbor is removed by one command, before its route-map', () => {
    const gap = gapTo(
      running.replaceAll(/^ +neighbor .*\n/gm, '').replace(/route-map aw-in permit 10\n.*\nexit\n/, ''),
    )
    expect(commandsToRemove(gap, 0)).toEqual([
      ...['router bgp 64500', 'no neighbor 10.2.0.1', 'exit'],
      'no route-map aw-in permit 10',
    ])
  })

  test('an entry that changes its action loses its lines in the same run, or later if FRR has refused that', () => {
    const wanted = running
      .replace('aw-in permit 10\n match ip address prefix-list aw', 'aw-in deny 10\n match as-path aw')
      .replace('aw-in deny 65535', 'aw-in permit 65535')
    const isInstalled = (key: string) => readLines(running).has(key)
    expect(commandsToAdd(gapTo(wanted, isInstalled))).toEqual([
      ...['route-map aw-in deny 10', 'no match ip address prefix-list aw', 'match as-path aw'],
      'route-map aw-in deny 65535',
      ...['route-map aw-in permit 65535', 'exit'],
    ])
    const left = wanted.replace(
      ' match as-path aw\n',
      ' match as-path aw\n match ip address prefix-list aw\n',
    )
    expect(findGap(readLines(left), readLines(wanted), isInstalled).excess).toEqual([
      ['route-map aw-in deny 10', 'match ip address prefix-list aw'],
    ])
  })

  test('a session that is gone ends before others begin, and one on another interface restarts', () => {
    const unnumbered = running
      .replace('neighbor 10.2.0.1 remote-as', 'neighbor eth1 interface remote-as')
      .replaceAll('neighbor 10.2.0.1', 'neighbor eth1')
    const gapFrom = (from: string, to: string) => findGap(readLines(from), readLines(to), everything)
    const end = (neighbor: string) => ['router bgp 64500', `no neighbor ${neighbor}`, 'exit']
    expect(commandsToEnd(gapFrom(unnumbered, running))).toEqual(end('eth1'))
    expect(commandsToEnd(gapFrom(running, unnumbered))).toEqual(end('10.2.0.1'))
    const on = (link: string) =>
      running.replace(' neighbor 10.2.0.1 desc', ` neighbor 10.2.0.1 interface ${link}\n$&`)
    const moved = gapFrom(on('eth1'), on('eth2'))
    expect([commandsToEnd(moved), commandsToReset(moved)]).toEqual([[], ['clear bgp 10.2.0.1']])
    for (const other of [on('eth1'), running.replace('remote-as 64600', 'remote-as 64601')]) {
      const gap = gapFrom(running, other)
      expect([commandsToEnd(gap), commandsToReset(gap)]).toEqual([[], []])
    }
  })

  test('an unnumbered neighbor is removed by one command', () => {
    const unnumbered = running
      .replace('neighbor 10.2.0.1 remote-as', 'neighbor eth1 interface remote-as')
      .replaceAll('neighbor 10.2.0.1', 'neighbor eth1')
    const none = readLines(running.replaceAll(/^ +neighbor .*\n/gm, ''))
    const gap = findGap(readLines(unnumbered), none, everything)
    expect(commandsToRemove(gap, 0)).toEqual(['router bgp 64500', 'no neighbor eth1', 'exit'])
  })

  test('a line that starts with `no` is removed by the command without it', () => {
    const gap = gapTo(running.replace(' no bgp default ipv4-unicast\n', ''))
    expect(commandsToRemove(gap, 0)).toEqual(['router bgp 64500', 'bgp default ipv4-unicast', 'exit'])
  })

  test('the instance of another AS is removed before the new one is added', () => {
    const gap = gapTo(running.replace('router bgp 64500', 'router bgp 64501'))
    expect(commandsToAdd(gap)[0]).toBe('no router bgp 64500')
    expect(commandsToAdd(gap)).toContain('router bgp 64501')
  })

  test('a refused `no` command is retried with fewer words, and never as a different command', () => {
    const gap = gapTo(running.replace(' neighbor 10.2.0.1 description transit one\n', ''))
    expect(commandsToRemove(gap, 1)[1]).toBe('no neighbor 10.2.0.1 description transit')
    expect(commandsToRemove(gap, 9)[1]).toBe('no neighbor 10.2.0.1 description')
  })
})
