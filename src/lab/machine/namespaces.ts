import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { run } from '../../linux/run.ts'
import type { Family } from '../../net/prefix.ts'
import { batchLimitMs, commandLimitMs, startsAtOnce } from '../limits.ts'
import { fewAtOnce } from './together.ts'

/** The alias of `lo` in each of the lab's namespaces: it identifies them if the lab's files are lost. */
const marker = 'anyward-lab'
const namespacesDir = '/run/netns'

/**
 * Runs a list of `ip` commands in one process, in a namespace or (`null`) in the host's.
 * @param family for commands that would otherwise mean IPv4. Throws RunError.
 */
export async function ipBatch(
  namespace: string | null,
  lines: readonly string[],
  signal?: AbortSignal,
  family?: Family,
): Promise<void> {
  if (lines.length === 0) return
  const where = namespace === null ? [] : ['-n', namespace]
  const kind = family === undefined ? [] : [family === 'ipv4' ? '-4' : '-6']
  await run(['ip', ...kind, ...where, '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    timeoutMs: batchLimitMs(lines.length),
    signal,
  })
}

/**
 * The command that becomes this program in a namespace. Not `ip netns exec`: that gives each program a mount namespace
 * with a copy of every other namespace's mount, so the cost of a fleet would grow with the square of its size.
 */
export function enter(namespace: string, argv: readonly string[]): [string, ...string[]] {
  return ['nsenter', `--net=${join(namespacesDir, namespace)}`, '--', ...argv]
}

interface IpShell {
  run(lines: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** An `ip` that waits inside the namespace, so that a command has no start time. */
export async function openIpShell(namespace: string): Promise<IpShell> {
  const child = execa('ip', ['-n', namespace, '-batch', '-'], { reject: false, stdin: 'pipe' })
  // Its first answer shows that it is in the namespace and reads commands.
  child.stdin.write('link show dev lo\n')
  await Promise.race([once(child.stdout, 'data'), child])
  const close = async () => {
    child.stdin.end()
    await child
  }
  return {
    async run(lines) {
      child.stdin.write(`${lines.join('\n')}\n`)
      await close()
    },
    close,
  }
}

/** Runs a short program in a namespace. Throws RunError. */
export function runIn(
  namespace: string,
  argv: readonly string[],
  options: { input?: string; signal?: AbortSignal | undefined; timeoutMs?: number } = {},
): Promise<string> {
  return run(enter(namespace, argv), { timeoutMs: commandLimitMs, ...options })
}

/**
 * Runs a program once for each namespace, a few at once; `{}` in its arguments stands for the namespace. xargs starts
 * them, because a start costs Node several times the CPU. Throws RunError.
 */
export async function runForEach(
  names: readonly string[],
  argv: readonly string[],
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<void> {
  if (names.length === 0) return
  const width = String(startsAtOnce(availableParallelism()))
  const input = names.join('\0')
  await run(['xargs', '--null', '--max-procs', width, '--replace={}', ...argv], { ...options, input })
}

export async function createNamespaces(names: readonly string[], signal?: AbortSignal): Promise<void> {
  const lines = names.map((name) => `netns add ${name}`)
  await ipBatch(null, lines, signal)
}

/** The first `ip` commands in each namespace. */
export const firstLines: readonly string[] = [`link set lo alias ${marker}`, 'link set lo up']

/** A namespace that routes: its addresses are usable at once, and paths need not be symmetric. */
const routingSettings = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  // A link that is set down and up again keeps its IPv6 addresses.
  'net.ipv6.conf.all.keep_addr_on_down=1',
  'net.ipv6.conf.default.keep_addr_on_down=1',
  ...['all', 'default'].flatMap((which) => [
    `net.ipv4.conf.${which}.rp_filter=0`,
    `net.ipv6.conf.${which}.accept_dad=0`,
  ]),
]

export async function enableForwarding(namespaces: readonly string[], signal?: AbortSignal): Promise<void> {
  const argv = enter('{}', ['sysctl', '-q', '-w', ...routingSettings])
  await runForEach(namespaces, argv, { timeoutMs: batchLimitMs(namespaces.length), signal })
}

export async function namespaceInode(name: string): Promise<number | null> {
  return stat(`${namespacesDir}/${name}`).then(
    ({ ino }) => ino,
    () => null,
  )
}

/** The namespaces with the lab's marker, also without the lab's files; without those in `known`. */
export async function findMarkedNamespaces(known: ReadonlySet<string> = new Set()): Promise<string[]> {
  const names = (await readdir(namespacesDir).catch(() => [])).filter(
    (name) => name.startsWith('aw-') && !known.has(name),
  )
  const marked: string[] = []
  await fewAtOnce(startsAtOnce(availableParallelism()), names, async (name) => {
    if (await isMarked(name)) marked.push(name)
  })
  return marked
}

async function isMarked(name: string): Promise<boolean> {
  const links = await readLinks(name, ['dev', 'lo'])
  return links.some((link) => link.ifalias === marker)
}

/** The interfaces of a namespace; none if it is gone. */
export async function readLinks(
  name: string,
  selector: readonly string[] = [],
): Promise<{ ifname: string; ifalias?: string; link_type?: string }[]> {
  const text = await run(['ip', '-n', name, '-j', 'link', 'show', ...selector], {
    timeoutMs: commandLimitMs,
  }).catch(() => '')
  if (text === '') return []
  return JSON.parse(text) as { ifname: string; ifalias?: string; link_type?: string }[]
}

export function kernelHasWireguard(): Promise<boolean> {
  return kernelHasLink('wireguard')
}

export function kernelHasVrf(): Promise<boolean> {
  return kernelHasLink('vrf', ['table', '1000'])
}

/** Tried in a namespace that ends with the trial. */
async function kernelHasLink(type: string, settings: readonly string[] = []): Promise<boolean> {
  return run(['unshare', '--net', 'ip', 'link', 'add', 'awkernel', 'type', type, ...settings], {
    timeoutMs: commandLimitMs,
  }).then(
    () => true,
    () => false,
  )
}

/** Removes namespaces and links of the host; ignores those that do not exist. */
export async function removeNamespaces(
  names: readonly string[],
  hostLinks: readonly string[],
): Promise<void> {
  const lines = [...hostLinks.map((link) => `link del ${link}`), ...names.map((name) => `netns del ${name}`)]
  if (lines.length === 0) return
  // It fails for each entry that is absent; the caller checks again.
  await run(['ip', '-force', '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    timeoutMs: batchLimitMs(lines.length),
  }).catch(() => {})
}
