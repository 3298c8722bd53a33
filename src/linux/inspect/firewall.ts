import { readFile } from 'node:fs/promises'
import { RunError, run } from '../run.ts'

const timeoutMs = 10_000

/** The rules of nftables in this network namespace, as JSON. Needs root. Throws RunError. */
export function listNftRules(): Promise<string> {
  return run(['nft', '-j', 'list', 'ruleset'], { timeoutMs })
}

/**
 * The filter table of iptables, as `iptables-save` prints it: of iptables-nft, which keeps its rules in nftables, or of
 * iptables-legacy, which nft does not list. `null`: there is none, or no iptables-nft to read it with. Needs root. Throws
 * RunError.
 */
export async function saveIptables(
  variant: 'nft' | 'legacy',
  family: 'ipv4' | 'ipv6',
): Promise<string | null> {
  const name = family === 'ipv4' ? 'iptables' : 'ip6tables'
  // iptables-legacy-save loads the module where it is missing.
  if (variant === 'legacy' && !(await hasLegacyFilter(family))) return null
  try {
    return await run([`${name}-${variant}-save`, '-t', 'filter'], { timeoutMs })
  } catch (cause) {
    if (variant === 'nft' && cause instanceof RunError && cause.kind === 'not-installed') return null
    throw cause
  }
}

async function hasLegacyFilter(family: 'ipv4' | 'ipv6'): Promise<boolean> {
  const path = `/proc/self/net/${family === 'ipv4' ? 'ip_tables_names' : 'ip6_tables_names'}`
  const tables = await readFile(path, 'latin1').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return tables.split('\n').includes('filter')
}
