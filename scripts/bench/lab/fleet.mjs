import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const example = fileURLToPath(new URL('../../../sites/fleet.yaml', import.meta.url))

/**
 * Writes a fleet of that many sites into a folder: service and RPKI of the example, one node per site, BIRD and FRR in
 * turn, and for each node the neighbors of the example's node with that daemon.
 */
export async function writeFleet(dir, count) {
  await mkdir(dir, { recursive: true })
  await copyFile(example, join(dir, 'fleet.yaml'))
  for (let number = 1; number <= count; number += 1) {
    const { name, text } = describeSite(number)
    await writeFile(join(dir, `${name}.yaml`), text)
  }
}

function describeSite(number) {
  const name = `site${String(number).padStart(3, '0')}`
  const isBird = number % 2 === 1
  const neighbors = [
    neighbor({ name: `${name}-transit`, kind: 'transit', asn: 64_600, network: `10.${number}.1` }),
    neighbor({ name: `${name}-transit-v6`, kind: 'transit', asn: 64_600, network: `2001:db8:${number}:` }),
    isBird
      ? neighbor({ name: `${name}-peer`, kind: 'peer', asn: 64_601, network: `10.${number}.2` })
      : neighbor({ name: `${name}-tor`, kind: 'tor', asn: 64_602, network: `10.${number}.2` }),
  ]
  const text = [
    `site: ${name}`,
    'nodes:',
    `  - name: ${name}-a`,
    `    daemon: ${isBird ? 'bird' : 'frr'}`,
    `    routerId: 10.0.0.${number}`,
    '    services: [vpn]',
    '    neighbors:',
    ...neighbors,
    '',
  ].join('\n')
  return { name, text }
}

function neighbor({ name, kind, asn, network }) {
  const dot = network.includes(':') ? ':' : '.'
  const more = kind === 'peer' ? 'limit: 1000, gtsm: true' : 'import: default-only'
  return `      - { name: ${name}, kind: ${kind}, asn: ${asn}, address: "${network}${dot}1", localAddress: "${network}${dot}2", ${more}, bfd: { interval: 100ms, multiplier: 3 } }`
}
