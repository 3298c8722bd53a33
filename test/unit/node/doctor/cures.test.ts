import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Context } from '../../../../src/node/doctor/check.ts'
import { address } from '../../../../src/node/doctor/checks/wireguard/address.ts'
import { findWrongPeers, observerPeers } from '../../../../src/node/doctor/checks/wireguard/observer-peers.ts'
import { probePeer } from '../../../../src/node/doctor/checks/wireguard/probe-peer.ts'

const ofService = (device: string, presharedKeyFile: string | null = null) =>
  ({
    services: [
      {
        ...{ name: 'vpn', anycast: [], wireguard: { interface: device, addresses: ['203.0.113.77'] } },
        probe: { privateKeyFile: '/nonexistent/probe.key', presharedKeyFile, address: '10.80.255.254' },
      },
    ],
  }) as unknown as Context

test('without the key file of the probe the cure is complete: key, peer, and the mode for the package', async () => {
  const [finding] = await probePeer.examine(ofService('wg0'))
  expect(finding?.cure.split('\n    ')).toEqual([
    '(umask 077 && wg genkey > /nonexistent/probe.key)',
    'wg set wg0 peer "$(wg pubkey < /nonexistent/probe.key)" allowed-ips 10.80.255.254/32',
    "where the Debian package's controller reads it: chgrp anyward /nonexistent/probe.key && chmod 0640 /nonexistent/probe.key",
  ])
})

test('the peer of a probe with a preshared key gets it too', async () => {
  const [finding] = await probePeer.examine(ofService('wg0', '/etc/anyward/probe.psk'))
  expect(finding?.cure).toContain(
    'wg set wg0 peer "$(wg pubkey < /nonexistent/probe.key)" preshared-key /etc/anyward/probe.psk allowed-ips 10.80.255.254/32',
  )
})

describe('peers for the probes of other sites', () => {
  const [key, other] = ['a', 'b'].map((letter) => `${letter.repeat(42)}A=`) as [string, string]
  const observer = (node: string, publicKey: string | null) => ({
    service: 'vpn',
    site: 'lon1',
    node,
    publicKey,
  })
  // The keys of RFC 7748, section 6.1.
  const secret = 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo='
  const own = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo='
  const find = (text: string, publicKey: string | null, presharedKeyFile: string | null = null) =>
    findWrongPeers(
      ofService('wg0', presharedKeyFile).services[0]!,
      [observer('lon1-a', publicKey), observer('lon1-b', other)],
      `${other}\t(none)\n${text}`,
      own,
    )

  test('that are there without an address need nothing', () => {
    expect(find(`${key}\t(none)\n`, key)).toEqual([])
  })

  test('that are missing have a command as the cure', () => {
    expect(find('', key)).toEqual([
      {
        severity: 'warning',
        message: `wg0 has no peer for the probe of lon1-a at lon1 (${key}), which then does not reach vpn`,
        cure: `wg set wg0 peer ${key}`,
      },
    ])
    expect(find('', key, '/etc/anyward/probe.psk')[0]!.cure.split('\n    ')).toEqual([
      `wg set wg0 peer ${key} preshared-key FILE`,
      'FILE is a copy of /etc/anyward/probe.psk of lon1-a',
    ])
  })

  test('that have an address could send', () => {
    expect(find(`${key}\t10.80.0.7/32 fd00::7/128\n`, key)).toEqual([
      {
        severity: 'warning',
        message: `wg0 accepts packets from 10.80.0.7/32, fd00::7/128 of the probe of lon1-a at lon1 (${key}): it counts as a client, and its key opens the tunnel`,
        cure: `if this is no client of yours: wg set wg0 peer ${key} allowed-ips ""\n    if it is one, probeKeys of lon1-a has a wrong key`,
      },
    ])
  })

  test("with the key of this node's probe keep its address, and need a key of their own", () => {
    for (const text of [`${own}\t10.80.255.254/32\n`, '']) {
      const [finding, ...rest] = find(text, own)
      expect(rest).toEqual([])
      expect(finding!.message).toBe(
        `the probe of lon1-a at lon1 (${own}) has the key of this node's probe too: make a key for each, because two probes with one key interrupt each other`,
      )
      expect(finding!.cure).toContain('make another key at lon1-a: ')
      expect(finding!.cure).not.toContain('wg set')
    }
  })

  test('whose key in the YAML is a private one are found without it', () => {
    const [theirs, theirSecret] = [
      '3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=',
      'XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os=',
    ]
    const ofThis = find('', secret)
    for (const found of [find(`${theirs}\t(none)\n`, theirSecret), ofThis]) {
      expect(found).toHaveLength(1)
      expect(found[0]!.message).toContain('probeKeys of lon1-a at lon1 has a private key for vpn')
      expect(found[0]!.cure).toMatch(/^make another key at lon1-a(?: and at this node)?: /)
      const old = found === ofThis ? own : theirs
      expect(found[0]!.cure).toContain(`wherever the old key is a peer: wg set wg0 peer ${old} remove`)
      for (const leaked of [theirSecret, secret]) expect(JSON.stringify(found)).not.toContain(leaked)
    }
  })

  test('need the key that the YAML has of the probe here: another one is found, with the right one', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'anyward-cures-'))
    onTestFinished(() => rm(dir, { recursive: true }))
    const file = join(dir, 'probe.key')
    await writeFile(file, `${secret}\n`)
    const { services } = ofService('absent0')
    const service = { ...services[0]!, probe: { ...services[0]!.probe, privateKeyFile: file } }
    const examineWith = (publicKey: string) => {
      const targets = [{ service: 'vpn', site: 'lon1', node: 'lon1-a', address: '198.51.100.7' }]
      const remote = { targets, observers: [], keys: [{ service: 'vpn', publicKey }] }
      return observerPeers.examine({ services: [service], manifest: { remote } } as unknown as Context)
    }
    expect(await examineWith(own)).toEqual([])
    const [finding] = await examineWith(key)
    expect(finding).toMatchObject({
      severity: 'warning',
      message: `the public key of ${file} is ${own}, and probeKeys of this node has another one for vpn: the nodes that it probes do not know this key`,
      cure: expect.stringContaining(`write probeKeys: { vpn: ${own} } at this node`),
    })
    const leaked = await examineWith(secret)
    expect(leaked).toMatchObject([
      {
        message: `probeKeys of this node has the private key of its probe for vpn, the text of ${file}: it is in the YAML and in bundles, and no longer a secret`,
        cure: expect.stringContaining('make another key at this node: '),
      },
    ])
    expect(JSON.stringify(leaked)).not.toContain(secret)
  })

  test('whose keys are not in the YAML are not checked, and the finding says so', () => {
    expect(find('', null)).toEqual([
      {
        severity: 'info',
        message: 'not checked: peers of wg0 for the probes of lon1-a, whose keys for vpn are not in the YAML',
        cure: 'write probeKeys: { vpn: KEY } at each of these nodes, with what `wg pubkey < /nonexistent/probe.key` prints there',
      },
    ])
  })
})

test('an address inside the tunnel is missing only where the interface exists; its cure says which length', async () => {
  expect(await address.examine(ofService('absent0'))).toEqual([])
  const [finding] = await address.examine(ofService('lo'))
  expect(finding?.cure).toContain(
    'ip addr add 203.0.113.77/LENGTH dev lo, with the length that wireguard.addresses',
  )
})
