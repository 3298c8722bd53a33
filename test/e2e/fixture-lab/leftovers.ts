import { readdir, readFile, stat } from 'node:fs/promises'
import { execa } from 'execa'

/** Everything that a lab may leave on a machine: namespaces, links, files, sockets and processes. */
export async function findLeftovers(): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir('/run/netns').catch(() => [])) {
    if (name.startsWith('aw-')) found.push(`namespace ${name}`)
  }
  const { stdout } = await execa('ip', ['-br', 'link'])
  for (const line of stdout.split('\n')) if (line.startsWith('aw-')) found.push(`link ${line}`)
  if (await exists('/run/anyward-lab')) found.push('/run/anyward-lab')
  for (const name of await readdir('/var/run/wireguard').catch(() => [])) {
    if (/^(?:wg\d+n|wgc)\d+\.sock$/.test(name)) found.push(`socket ${name}`)
  }
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (/\/run\/anyward-lab\/|^wireguard-go\0-f\0wg(?:\d+n|c)\d+\0/.test(line)) {
      found.push(`process ${pid}: ${line.replaceAll('\0', ' ')}`)
    }
  }
  return found
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
