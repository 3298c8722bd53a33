import { readFile } from 'node:fs/promises'
import { run } from '../run.ts'

const timeoutMs = 10_000

/** The rules of nftables in this network namespace, as JSON. Needs root. Throws RunError. */
export function listNftRules(): Promise<string> {
  return run(['nft', '-j', 'list', 'ruleset'], { timeoutMs })
}

/**
 * The filter table of the older iptables, which nft does not print; `null`: the kernel has none for the family. Needs
 * root. Throws RunError.
 */
export async function saveLegacyRules(family: 'ipv4' | 'ipv6'): Promise<string | null> {
  const [names, program] =
    family === 'ipv4'
      ? ['ip_tables_names', 'iptables-legacy-save']
      : ['ip6_tables_names', 'ip6tables-legacy-save']
  const tables = await readFile(`/proc/self/net/${names}`, 'latin1').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  if (!tables.split('\n').includes('filter')) return null
  return run([program, '-t', 'filter'], { timeoutMs })
}
