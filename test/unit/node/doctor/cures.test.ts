import { expect, test } from 'vitest'
import type { Context } from '../../../../src/node/doctor/check.ts'
import { address } from '../../../../src/node/doctor/checks/wireguard/address.ts'
import { probePeer } from '../../../../src/node/doctor/checks/wireguard/probe-peer.ts'

const ofService = (device: string) =>
  ({
    services: [
      {
        ...{ name: 'vpn', anycast: [], wireguard: { interface: device, addresses: ['203.0.113.77'] } },
        probe: { privateKeyFile: '/nonexistent/probe.key', address: '10.80.255.254' },
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

test('an address inside the tunnel is missing only where the interface exists; its cure says which length', async () => {
  expect(await address.examine(ofService('absent0'))).toEqual([])
  const [finding] = await address.examine(ofService('lo'))
  expect(finding?.cure).toContain(
    'ip addr add 203.0.113.77/LENGTH dev lo, with the length that wireguard.addresses',
  )
})
