import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const node = 'many'
export const probe = { intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 }

/**
 * One node with that many services, each with its own interface, port and two anycast addresses; all share their
 * covering prefixes. The lab generates the keys.
 */
export async function writeFleet(dir, count) {
  const services = Array.from({ length: count }, (_, at) => describeService(at + 1))
  await writeFile(
    join(dir, 'fleet.yaml'),
    [
      'asn: 64500',
      'bogons: { allow: [198.51.0.0/16, "2001:db8::/32"] }',
      'services:',
      ...services.map(([name, text]) => `  ${name}:\n${text}`),
      '',
    ].join('\n'),
  )
  await writeFile(
    join(dir, 'many.yaml'),
    [
      'site: many',
      'nodes:',
      `  - name: ${node}`,
      '    daemon: bird',
      '    routerId: 10.0.0.1',
      `    services: [${services.map(([name]) => name).join(', ')}]`,
      '    neighbors:',
      '      - { name: tor, kind: tor, asn: 64611, address: 10.1.1.1, localAddress: 10.1.1.2 }',
      '      - { name: tor6, kind: tor, asn: 64611, address: "2001:db8:1::1", localAddress: "2001:db8:1::2" }',
      '',
    ].join('\n'),
  )
}

function describeService(number) {
  // 250 per /24.
  const [third, fourth] = [100 + Math.floor(number / 250), (number % 250) + 1]
  const tunnel = `10.${third}.${fourth}`
  const text = `    anycast: [198.51.${third}.${fourth}/32, "2001:db8:51::${number.toString(16)}/128"]
    covering: [198.51.${third}.0/24, "2001:db8:51::/48"]
    wireguard:
      interface: wg${number}
      # Below the kernel's range of ephemeral ports.
      port: ${20_000 + number}
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [${tunnel}.1/24]
    probe:
      privateKeyFile: /etc/anyward/probe.key
      address: ${tunnel}.254
      interval: ${probe.intervalMs}ms
      timeout: ${probe.timeoutMs}ms
      rise: ${probe.rise}
      fall: ${probe.fall}
      holdDown: { initial: 0s }`
  return [`vpn${number}`, text]
}
