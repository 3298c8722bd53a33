import type { Fleet } from '../../../src/plan/sites/fleet.ts'
import { parseFleet } from '../../../src/plan/sites/parse.ts'

export const fleetYaml = `
asn: 64500
bogons: { allow: [192.0.2.0/24, "2001:db8::/32"] }
services:
  vpn:
    anycast: [192.0.2.1/32, "2001:db8:51::1/128"]
    covering: [192.0.2.0/24, "2001:db8:51::/48"]
    wireguard:
      interface: wg0
      port: 51820
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [10.80.0.1/16]
    probe: { privateKeyFile: /etc/anyward/probe.key, address: 10.80.0.2 }
`

/** Two nodes behind one top-of-rack switch and one carrier. The carrier is at the other site too. */
export const osloYaml = `
site: oslo
nodes:
  - name: oslo-a
    daemon: bird
    routerId: 10.0.0.1
    services: [vpn]
    neighbors:
      - { name: tor, kind: tor, asn: 64611, address: 10.1.0.1, localAddress: 10.1.0.2, gtsm: true, passwordFile: /etc/anyward/tor }
      - { name: carrier, kind: transit, asn: 64601, address: 10.1.1.1, import: default-only, bfd: { interval: 100ms, multiplier: 3 } }
  - name: oslo-b
    daemon: frr
    routerId: 10.0.0.2
    services: [vpn]
    neighbors:
      - { name: tor, kind: tor, asn: 64611, address: 10.1.0.1, localAddress: 10.1.0.3 }
`

export const romeYaml = `
site: rome
nodes:
  - name: rome-a
    daemon: bird
    routerId: 10.0.0.3
    services: [vpn]
    neighbors:
      - { name: carrier, kind: transit, asn: 64601, address: 10.1.1.1, import: default-only }
      - { name: reflector, kind: ibgp, asn: 64500, address: "2001:db8:9::1", localAddress: "2001:db8:9::2" }
`

export function fleetOf(...sites: string[]): Fleet {
  const files = [
    { name: 'fleet.yaml', text: fleetYaml },
    ...sites.map((text) => ({ name: `${/^site: (\S+)$/m.exec(text)![1]}.yaml`, text })),
  ]
  const { fleet, issues } = parseFleet(files)
  if (fleet === null) throw new Error(JSON.stringify(issues, null, 2))
  return fleet
}
