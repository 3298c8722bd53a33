import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'

/**
 * Whether what this network namespace sends to that address and UDP port may be received: the address is local, and
 * the kernel's table (proc_net_udp(5)) has an unconnected socket with the port, of either family. The table includes
 * the sockets of the kernel's WireGuard. `false` for an address of another host: this kernel does not know its ports.
 * `true` if the table cannot be read.
 */
export async function isLocalPortOpen(address: string, port: number): Promise<boolean> {
  return (await isLocal(address)) && (await isUdpPortBound(port))
}

async function isUdpPortBound(port: number): Promise<boolean> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const bound = new RegExp(`^ *\\d+: [0-9A-F]+:${hex} 0+:0000 `, 'm')
  try {
    const [ipv4, ipv6] = await Promise.all([
      readFile('/proc/self/net/udp', 'latin1'),
      // Absent without IPv6.
      readFile('/proc/self/net/udp6', 'latin1').catch(() => ''),
    ])
    return bound.test(ipv4) || bound.test(ipv6)
  } catch {
    return true
  }
}

/** Whether the kernel lets a socket use that address. */
function isLocal(address: string): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      socket.close()
      resolve(code !== 'EADDRNOTAVAIL')
    })
    socket.bind({ address, port: 0, exclusive: true }, () => {
      socket.close()
      resolve(true)
    })
  })
}
