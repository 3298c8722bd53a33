import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A kernel setting as a number, such as `net/ipv4/ip_forward`; `null`: this kernel, or this namespace, has none. */
export async function readSysctl(path: string): Promise<number | null> {
  const text = await readFile(join('/proc/sys', path), 'latin1').catch(() => '')
  return /^-?\d+\s*$/.test(text) ? Number(text) : null
}
