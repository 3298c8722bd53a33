import { readFile } from 'node:fs/promises'
import { RunError, run } from '../run.ts'

const timeoutMs = 10_000

/**
 * The tables of nftables in this network namespace with a chain on the way in, without those of the given names, each as
 * JSON. Needs root. Throws RunError.
 *
 * `list ruleset` and `list tables` read the elements of all sets: 4 s and 100 MB for 100,000 (nft 1.0.6). `list chains` and
 * `list table` do not.
 */
export async function listNftTables(without: readonly string[]): Promise<string[]> {
  const nft = (...words: string[]) => run(['nft', '-j', 'list', ...words], { timeoutMs })
  const { nftables } = JSON.parse(await nft('chains')) as { nftables: readonly { chain?: NftChain }[] }
  const tables = new Map<string, readonly [string, string]>()
  for (const { chain } of nftables) {
    if (chain === undefined || !hooks.includes(chain.hook ?? '')) continue
    const { family, table } = chain
    if (!without.includes(`${family} ${table}`)) tables.set(`${family} ${table}`, [family, table])
  }
  return Promise.all(Array.from(tables.values(), (place) => nft('table', ...place)))
}

interface NftChain {
  readonly family: string
  readonly table: string
  readonly hook?: string
}

const hooks = ['prerouting', 'input']

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
