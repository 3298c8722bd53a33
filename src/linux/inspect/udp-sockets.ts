import { readdir, readFile, readlink } from 'node:fs/promises'
import { listProcesses, readProgramName } from '../proc.ts'

export interface UdpSocket {
  /** The program that has it open; `null`: the kernel, as its WireGuard, or a process of another user. */
  readonly program: string | null
  readonly pid: number | null
}

/** The sockets of this network namespace that are bound to a UDP port, by proc_net_udp(5). */
export async function findUdpSockets(port: number): Promise<UdpSocket[]> {
  const texts = await Promise.all(
    ['udp', 'udp6'].map((name) => readFile(`/proc/self/net/${name}`, 'latin1').catch(() => '')),
  )
  const inodes = texts.flatMap((text) => findInodes(text, port))
  if (inodes.length === 0) return []
  const owners = await findOwners(new Set(inodes.filter((inode) => inode !== '0')))
  const sockets = inodes.map((inode) => owners.get(inode) ?? { program: null, pid: null })
  // One program has a socket for each family.
  return [...new Map(sockets.map((socket) => [socket.pid, socket])).values()]
}

/** Inodes of the sockets with that local port. */
export function findInodes(text: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) === true && fields[9] !== undefined)
    .map((fields) => fields[9]!)
}

async function findOwners(inodes: ReadonlySet<string>): Promise<Map<string, UdpSocket>> {
  const owners = new Map<string, UdpSocket>()
  for (const pid of await listProcesses()) {
    const folder = `/proc/${pid}/fd`
    for (const name of await readdir(folder).catch(() => [])) {
      const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`${folder}/${name}`).catch(() => ''))?.[1]
      if (inode === undefined || !inodes.has(inode)) continue
      owners.set(inode, { program: await readProgramName(pid), pid })
    }
  }
  return owners
}
