import { daemonNames } from '../../../manifest/daemon-kinds.ts'
import type { Answers } from '../../../plan/init/answers.ts'
import { asHostPrefix } from '../../../plan/init/suggest.ts'
import type { Left } from '../../../plan/takeover/router.ts'
import { count } from '../../../text/count.ts'

/** By place, with the reason once where several lines in a row have the same. */
export function printLeft(from: string, left: readonly Left[]): void {
  const lines = [`Not taken over from ${from}, or to be checked (${count(left.length, 'item')}):`]
  left.forEach(({ file, line, text, reason }, index) => {
    lines.push(`  ${file}:${line} ${text}`)
    if (left[index + 1]?.reason !== reason) lines.push(`      ${reason}`)
  })
  lines.push(
    '  To keep all of this as it is, write `routing: attached` at the node in the YAML: your configuration stays, and Anyward',
    '  adds only the announcements (docs/attached.md). Without it, `apply` replaces the whole configuration of the daemon.',
  )
  process.stdout.write(`${lines.join('\n')}\n\n`)
}

/** The commands that follow, as they are typed. */
export function printNext(answers: Answers, sites: string): void {
  process.stdout.write(`${listNext(answers, sites).join('\n')}\n`)
}

export function listNext(
  { site, node, interface: device, probeAddress, daemon, neighbors, anycast = [] }: Answers,
  sites: string,
): string[] {
  const program = process.env.npm_command === 'exec' ? 'npx anyward' : 'anyward'
  const folder = sites === 'sites' ? '' : ` --sites ${shellWord(sites)}`
  const length = probeAddress?.includes(':') === true ? 128 : 32
  const passwords = neighbors.flatMap(({ values }) => values.passwordFile ?? []).map(String)
  return [
    '',
    `Next, as root on ${node}: a key for the probe, its peer on ${device}, and the anycast address; at later sites the same`,
    '  mkdir -p -m 0750 /etc/anyward && (umask 077 && wg genkey > /etc/anyward/probe.key)',
    '  chgrp anyward /etc/anyward/probe.key && chmod 0640 /etc/anyward/probe.key   # with the Debian package',
    `  wg set ${device} peer "$(wg pubkey < /etc/anyward/probe.key)" allowed-ips ${probeAddress}/${length}`,
    ...anycast.map((address) => `  ip addr replace ${asHostPrefix(address)} dev lo`),
    '  # The node needs a default route; what WireGuard sends gets its source from the controller: docs/running.md, “The return path”',
    '  # All but the key is gone after a restart: the permanent form is in docs/running.md, “Make it permanent”',
    ...passwords.map((file) => `  (umask 077 && cat > ${file})   # the session’s password, then Ctrl-D`),
    'Then see what it does, and try the fleet on this machine, in namespaces, with real daemons:',
    `  ${program} plan${folder} --out out`,
    `  ${program} lab up${folder}`,
    `On ${node}, with ${daemonNames[daemon === 'frr' ? 'frr' : 'bird'].project} running there:`,
    `  ${program} doctor --bundle out/${site}/${node}   # what would keep the node from serving, with its cure; changes nothing`,
    `  ${program} apply --bundle out/${site}/${node}   # if it would remove other routing, it lists that and stops: --replace goes on, routing: attached in the YAML keeps it`,
    `  ${program} controller --bundle /etc/anyward/bundle   # with the Debian package: systemctl enable --now anyward-controller`,
  ]
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
