import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { execa } from 'execa'
import type { Family } from '../../net/prefix.ts'

/** The alias that the lab gives each of its namespaces' `lo`: it outlives every file of ours. */
const marker = 'anyward-lab'
const namespacesDir = '/run/netns'
const commandTimeoutMs = 20_000

/**
 * Runs a list of `ip` commands in one go, in a namespace or (`null`) in the host's.
 * @param family for commands that would otherwise mean IPv4. Throws ExecaError.
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
  await execa('ip', [...kind, ...where, '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    timeout: commandTimeoutMs,
    ...cancelBy(signal),
  })
}

interface IpShell {
  run(lines: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** An `ip` that is in the namespace and waits, so that a command takes no longer than the kernel does. */
export async function openIpShell(namespace: string): Promise<IpShell> {
  const child = execa('ip', ['-n', namespace, '-batch', '-'], { reject: false, stdin: 'pipe' })
  // Its first answer says that it is in the namespace and listens.
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

/** Runs a short program in a namespace. Throws ExecaError. */
export async function runIn(
  namespace: string,
  argv: readonly string[],
  options: { input?: string; signal?: AbortSignal | undefined; timeoutMs?: number } = {},
): Promise<string> {
  const result = await execa('ip', ['netns', 'exec', namespace, ...argv], {
    timeout: options.timeoutMs ?? commandTimeoutMs,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...cancelBy(options.signal),
  })
  return result.stdout
}

export async function createNamespaces(names: readonly string[], signal?: AbortSignal): Promise<void> {
  await ipBatch(
    null,
    names.flatMap((name) => [`netns add ${name}`]),
    signal,
  )
  await Promise.all(
    names.map((name) => ipBatch(name, [`link set lo alias ${marker}`, 'link set lo up'], signal)),
  )
}

/** Lets a namespace route, by addresses that are usable at once and paths that need not be symmetric. */
export async function enableForwarding(namespace: string, signal?: AbortSignal): Promise<void> {
  const net = '/proc/sys/net'
  const on = [
    `${net}/ipv4/ip_forward`,
    `${net}/ipv6/conf/all/forwarding`,
    // A link that somebody sets down and up again comes back with its IPv6 addresses too.
    `${net}/ipv6/conf/all/keep_addr_on_down`,
    `${net}/ipv6/conf/default/keep_addr_on_down`,
  ]
  const off = ['all', 'default'].flatMap((which) => [
    `${net}/ipv4/conf/${which}/rp_filter`,
    `${net}/ipv6/conf/${which}/accept_dad`,
  ])
  await runIn(namespace, ['tee', ...on], { input: '1', signal })
  await runIn(namespace, ['tee', ...off], { input: '0', signal })
}

export async function namespaceInode(name: string): Promise<number | null> {
  return stat(`${namespacesDir}/${name}`).then(
    ({ ino }) => ino,
    () => null,
  )
}

/** The namespaces that carry our marker, whatever became of the lab's files. */
export async function findMarkedNamespaces(): Promise<string[]> {
  const names = (await readdir(namespacesDir).catch(() => [])).filter((name) => name.startsWith('aw-'))
  const marked = await Promise.all(names.map(isMarked))
  return names.filter((_, at) => marked[at])
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
  const result = await execa('ip', ['-n', name, '-j', 'link', 'show', ...selector], {
    reject: false,
    timeout: commandTimeoutMs,
  })
  if (result.exitCode !== 0 || result.stdout === '') return []
  return JSON.parse(result.stdout) as { ifname: string; ifalias?: string; link_type?: string }[]
}

/** Tried in a namespace that ends with the trial. */
export async function kernelHasWireguard(): Promise<boolean> {
  const argv = ['--net', 'ip', 'link', 'add', 'awkernel', 'type', 'wireguard']
  const result = await execa('unshare', argv, { reject: false, timeout: commandTimeoutMs })
  return result.exitCode === 0
}

/** Removes namespaces and links of the host; what is not there is as good as removed. */
export async function removeNamespaces(
  names: readonly string[],
  hostLinks: readonly string[],
): Promise<void> {
  const lines = [...hostLinks.map((link) => `link del ${link}`), ...names.map((name) => `netns del ${name}`)]
  if (lines.length === 0) return
  await execa('ip', ['-force', '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    timeout: commandTimeoutMs,
    reject: false,
  })
}

function cancelBy(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { cancelSignal: signal }
}
