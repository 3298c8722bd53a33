import type { Answers, NewNeighbor } from './answers.ts'

/** The text of `fleet.yaml`. What is not answered yet is left out. */
export function writeFleetFile(answers: Answers): string {
  const { service, anycast, covering, allow, interface: device, port, publicKey } = answers
  const { tunnelAddress, probeAddress } = answers
  return lines(
    '# Settings that all sites share. Each site has a file beside this one.',
    '# Check all files with: anyward validate',
    '',
    answers.asn !== undefined && `asn: ${scalar(answers.asn)}`,
    '',
    allow.length > 0 && [
      '# By default, prefixes in bogon ranges are refused as our own, because they must not be in the global table.',
      'bogons:',
      `  allow: ${flow(allow)}`,
      '',
    ],
    'services:',
    `  ${scalar(service)}:`,
    anycast !== undefined && [
      '    # The addresses that clients connect to, the same at every site: host prefixes, /32 and /128.',
      `    anycast: ${flow(anycast)}`,
    ],
    covering !== undefined && [
      '    # The prefixes advertised to other networks. Most networks drop prefixes longer than /24 and /48.',
      `    covering: ${flow(covering)}`,
    ],
    '    wireguard:',
    device !== undefined && `      interface: ${scalar(device)}`,
    port !== undefined && `      port: ${scalar(port)}`,
    publicKey !== undefined && [
      '      # Every site has the same private key, so a client can use any of them.',
      `      publicKey: ${JSON.stringify(publicKey)}`,
    ],
    tunnelAddress !== undefined && [
      "      # The server's own address inside the tunnel, with the length of the tunnel's subnet.",
      `      addresses: ${flow(tunnelAddress)}`,
    ],
    '    probe:',
    '      # The controller connects to the endpoint as a client: a peer with its own key and one address.',
    '      privateKeyFile: /etc/anyward/probe.key # a file on the node; the YAML never has a secret',
    probeAddress !== undefined && `      address: ${scalar(probeAddress)}`,
    '    safety:',
    '      minSites: 0 # with a second site, write 1: the last site that looks healthy is then not withdrawn',
  )
}

/** The text of the site's file. */
export function writeSiteFile(answers: Answers): string {
  const { site, node, daemon, daemonVersion, routerId, service, neighbors } = answers
  return lines(
    site !== undefined && `site: ${scalar(site)}`,
    'nodes:',
    `  - name: ${node === undefined ? '' : scalar(node)}`,
    daemon !== undefined && `    daemon: ${scalar(daemon)}`,
    daemonVersion !== undefined &&
      `    daemonVersion: ${JSON.stringify(daemonVersion)} # the version on this machine; if the node has another, write that one`,
    routerId !== undefined && `    routerId: ${scalar(routerId)} # unique in the fleet`,
    `    services: ${flow([service])}`,
    neighbors.length === 0 ? '    neighbors: []' : ['    neighbors:', ...neighbors.flatMap(describeNeighbor)],
  )
}

function describeNeighbor({ values, comments }: NewNeighbor): string[] {
  return Object.entries(values).map(([key, value], index) => {
    const comment = comments[key]
    return `${index === 0 ? '      - ' : '        '}${key}: ${printValue(value)}${comment === undefined ? '' : ` # ${comment}`}`
  })
}

function lines(...parts: readonly (string | readonly string[] | false)[]): string {
  return `${parts
    .flat()
    .filter((part) => part !== false)
    .join('\n')}\n`
}

function printValue(value: unknown): string {
  return typeof value === 'object' && value !== null ? flow(value) : scalar(value)
}

/** A list or a map on one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value !== 'object' || value === null) {
    const text = scalar(value)
    return /^[^"].*[:,\]}]/.test(text) ? JSON.stringify(value) : text
  }
  const entries = Object.entries(value).map(([key, entry]) => `${scalar(key)}: ${flow(entry)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

/** Words that are no text in YAML 1.1 or 1.2. */
const reserved = /^(?:true|false|null|yes|no|on|off|y|n)$/i
const plain =
  /^(?:[A-Za-z/][A-Za-z0-9_./-]*|\d+|\d+(?:ms|[smh])|[0-9.]+\.[0-9]+(?:\/\d+)?|[0-9A-Fa-f]+:[0-9A-Fa-f:]*[0-9A-Fa-f](?:\/\d+)?)$/
/** `1.5`, and hours and minutes in base 60, are numbers for some readers. */
const numeric = /^(?:[0-9]*\.[0-9]*|[0-9]+(?::[0-9]+)+)$/

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'null'
  return plain.test(value) && !reserved.test(value) && !numeric.test(value) ? value : JSON.stringify(value)
}
