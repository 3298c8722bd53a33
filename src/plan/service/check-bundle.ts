import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { findMissingPrograms, type MissingProgram } from '../../linux/programs.ts'
import { renderAnnouncements } from '../../manifest/announcements.ts'
import { type DaemonKind, filtersFile } from '../../manifest/daemon-kinds.ts'
import { fits } from '../../manifest/daemon-versions.ts'
import { frrDaemonsOf } from '../../syntax/frr-daemons.ts'
import { prefixesOf } from '../compile/compile-plan.ts'
import type { NodePlan } from '../compile/plan.ts'
import { filtersOf } from '../render/filters-view.ts'
import type { Renderer } from '../render/render.ts'
import { readInstalledVersion } from './installed-version.ts'

/**
 * `unchecked`: the daemon's programs are not on this machine. `other-version`: they are, of a version that the bundle is
 * not for. `complaints` is the parser's output.
 */
type CheckResult =
  | { outcome: 'passed' }
  | { outcome: 'rejected'; complaints: readonly string[] }
  | { outcome: 'unchecked'; missing: readonly MissingProgram[] }
  | { outcome: 'other-version'; installed: string }

interface Parser {
  readonly programs: (node: NodePlan) => string[]
  /** Returns its complaints. `dir`: an empty folder, which is removed afterwards. */
  readonly check: (render: Renderer, node: NodePlan, dir: string) => Promise<string[]>
}

const parsers: Readonly<Record<DaemonKind, Parser>> = {
  bird: { programs: () => ['bird'], check: checkBird },
  frr: {
    programs: ({ rpki }) => ['bgpd', 'vtysh', 'unshare', ...(rpki === null ? [] : ['bgpd_rpki.so'])],
    check: checkFrr,
  },
}

/** FRR's parser takes seconds for hundreds of rules, and more on a busy machine. */
const parserTimeoutMs = 60_000

/** Has the node's own daemon parse its configuration, with everything announced. Starts and changes nothing. */
export async function checkBundle(render: Renderer, node: NodePlan): Promise<CheckResult> {
  const parser = parsers[node.daemon]
  const missing = await findMissingPrograms(parser.programs(node))
  if (missing.length > 0) return { outcome: 'unchecked', missing }
  const installed = await readInstalledVersion(node.daemon)
  if (installed !== null && !fits(node.versions, installed)) return { outcome: 'other-version', installed }
  const dir = await mkdtemp(join(tmpdir(), 'anyward-check-'))
  try {
    const complaints = await parser.check(render, node, dir)
    return complaints.length === 0 ? { outcome: 'passed' } : { outcome: 'rejected', complaints }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function checkBird(render: Renderer, node: NodePlan, dir: string): Promise<string[]> {
  // The same configuration except for the path of the include: `bird -p` must read these announcements, not those of
  // this machine.
  const announceFile = join(dir, 'announce.conf')
  const paths = { ...node.layout.paths, announceFile }
  const files = render({ ...node, layout: { ...node.layout, paths } })
  const config = join(dir, 'bird.conf')
  if (node.routing === 'managed') {
    await writeFile(config, files.find((file) => file.path === 'bird.conf')!.content)
  } else {
    await writeFile(join(dir, filtersFile), files.find((file) => file.path === filtersFile)!.content)
    await writeFile(config, callingConfig(node, announceFile, join(dir, filtersFile)))
  }
  const prefixes = prefixesOf(node.services, true).map(String)
  const announcements = prefixes.map(
    (prefix, index) => [prefix, index % 2 === 0 ? 'normal' : 'degraded'] as const,
  )
  await writeFile(announceFile, renderAnnouncements(announcements))
  const result = await execa('bird', ['-p', '-c', config], parserOptions)
  if (result.exitCode === 0) return []
  return [outputOf('bird', result).replaceAll(`${dir}/`, '')]
}

/** A configuration that stands for the engineer's own: it includes both files, and calls each function. */
function callingConfig({ routerId, sessions }: NodePlan, announceFile: string, filters: string): string {
  return [
    `router id ${routerId};`,
    'protocol device {}',
    `include "${announceFile}";`,
    `include "${filters}";`,
    ...sessions.flatMap((session) =>
      filtersOf(session, '_').map(({ name }) => `filter check_${name} { if ${name}() then accept; reject; }`),
    ),
    '',
  ].join('\n')
}

async function checkFrr(render: Renderer, node: NodePlan, dir: string): Promise<string[]> {
  const name = node.routing === 'attached' ? filtersFile : 'frr.conf'
  const config = join(dir, name)
  // FRR's daemons read it as their own user; a bundle holds no secrets.
  await chmod(dir, 0o755)
  const content = render(node).find((file) => file.path === name)!.content
  await writeFile(config, content)
  const grammar = await execa('vtysh', ['-C', '-f', config], parserOptions)
  if (grammar.exitCode !== 0) return outputOf('vtysh', grammar).split('\n')
  // A daemon leaves its configuration at the `exit` of a block that it does not know.
  await writeFile(config, content.replaceAll(/^[ \t]*exit$/gm, '!'))
  return checkFrrDaemons(dir, config, name, content.split('\n'))
}

/**
 * vtysh knows the commands of every daemon, but not their meaning. A daemon's own `-C` knows the meaning of its own
 * commands only, and always exits 0. So a line is an error if all refuse it, and any other complaint counts from
 * each. bfdd is left out: with `-C` it refuses its own commands (8.4.4). zebra and staticd run as root only, and
 * staticd has no `-C` in FRR 10: without them the result of vtysh stands.
 */
async function checkFrrDaemons(
  dir: string,
  config: string,
  name: string,
  lines: readonly string[],
): Promise<string[]> {
  const complaints: string[] = []
  const refusedBy = new Map<number, number>()
  const isRoot = process.getuid!() === 0
  const validates = lines.includes('rpki')
  let asked = 0
  const all = ['bgpd', 'zebra', 'staticd', ...frrDaemonsOf(lines.join('\n'))]
  for (const daemon of isRoot ? all : ['bgpd']) {
    // In a network namespace of its own: `bgpd -C` opens sessions to the RPKI caches that it reads of.
    const namespace = isRoot ? ['--net'] : ['--map-root-user', '--net']
    const args = [...namespace, `/usr/lib/frr/${daemon}`, '-C', '-f', config]
    // Only root can switch to the user frr.
    if (!isRoot) args.push('-S')
    if (daemon === 'bgpd' && validates) args.push('-M', 'rpki')
    args.push('-i', join(dir, 'pid'), '-z', join(dir, 'zserv'), '--vty_socket', dir)
    const result = await execa('unshare', args, parserOptions)
    if (result.stderr?.includes("invalid option -- 'C'")) continue
    asked += 1
    for (const line of `${result.stdout ?? ''}\n${result.stderr ?? ''}`.split('\n')) {
      const refused = / on config line (\d+):/.exec(line)
      if (refused) refusedBy.set(Number(refused[1]), (refusedBy.get(Number(refused[1])) ?? 0) + 1)
      else if (!isChatter(line)) complaints.push(line.trim())
    }
    if (result.exitCode !== 0) complaints.push(outputOf(daemon, result))
  }
  if (asked < all.length) return complaints
  const bfdStart = lines.includes('bfd') ? lines.indexOf('bfd') : lines.length
  const bfdEnd = lines.indexOf('exit', bfdStart)
  for (const [number, count] of refusedBy) {
    const line = lines[number - 1]?.trim() ?? ''
    const forOthers =
      line === 'service integrated-vtysh-config' || (number > bfdStart && number <= bfdEnd + 1)
    if (count === asked && !forOthers) complaints.push(`${name}:${number}: not understood: ${line}`)
  }
  return complaints
}

/**
 * Output that is not about the configuration: FRR's daemons about themselves, and rtrlib about caches, which are
 * unreachable from an empty namespace. rtrlib's threads write a line in parts, so several messages may share a line.
 */
export function isChatter(line: string): boolean {
  // The crash log goes to a folder of the user frr. zebra 10 binds its socket also with -C, in our folder.
  if (/Disabling MPLS support|Can't bind zserv socket|\/var\/tmp\/frr\/|\] crashlog and /.test(line))
    return true
  // The routes of a VRF, of which an empty namespace has none.
  if (/Static Route to \S+ not installed currently because dependent config/.test(line)) return true
  // FRR 10 under systemd, whose limit of open files is high.
  if (/\] FD Limit set: \d+ is stupidly large/.test(line)) return true
  // Printed whenever graceful restart is configured, also without peers.
  if (line.startsWith('Graceful restart configuration changed, reset ')) return true
  const words = line.replaceAll(/\(\d{4}\/[\d/: ]+\):/g, '').trim()
  return words === '' || (/^(?:RTR|TCP Transport)/.test(words) && !/\d{4}\/\d\d\/\d\d /.test(words))
}

const parserOptions = {
  reject: false,
  timeout: parserTimeoutMs,
  stdin: 'ignore',
  forceKillAfterDelay: 500,
} as const

interface ParserResult {
  readonly stdout: string | undefined
  readonly stderr: string | undefined
  readonly shortMessage?: string | undefined
  readonly exitCode?: number | undefined
  readonly timedOut: boolean
}

function outputOf(
  program: string,
  { stdout, stderr, shortMessage, exitCode, timedOut }: ParserResult,
): string {
  if (timedOut) return `${program} did not finish within ${parserTimeoutMs / 1000} s`
  const words = [stderr, stdout].filter(Boolean).join('\n').trim()
  return words === '' ? (shortMessage ?? `${program} exited with ${exitCode}`) : words
}
