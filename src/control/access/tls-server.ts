import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createServer, type Server as TlsServer } from 'node:tls'
import type { Connections } from '../connections.ts'
import { isLocalSocket } from './access.ts'

/**
 * Connections from other machines speak TLS from now on; those of this machine stay as they are, such as those through ssh.
 * Returns the TLS server, which has no certificate yet: until it has, no handshake succeeds.
 */
export function encrypt(
  server: Server,
  connections: Connections,
  { asksClient, handshakeMs }: { asksClient: boolean; handshakeMs: number },
): TlsServer {
  const tls = createServer({
    ...{ requestCert: asksClient, rejectUnauthorized: false },
    ...{ minVersion: 'TLSv1.2', handshakeTimeout: handshakeMs, ALPNProtocols: ['http/1.1'] },
  })
  tls.on('tlsClientError', (_, socket) => socket.destroy())
  const [take] = server.listeners('connection') as [(this: Server, socket: Socket) => void]
  server.off('connection', take)
  /** By the addresses of both ends, which the two sockets of a connection share. */
  const inHandshake = new Map<string, Socket>()
  server.on('connection', (socket) => {
    if (isLocalSocket(socket)) return take.call(server, socket)
    const ends = endsOf(socket)
    inHandshake.set(ends, socket)
    socket.once('close', () => inHandshake.delete(ends))
    tls.emit('connection', socket)
  })
  tls.on('secureConnection', (secured) => {
    const ends = endsOf(secured)
    const socket = inHandshake.get(ends)
    inHandshake.delete(ends)
    if (socket === undefined || !connections.replace(socket, secured)) secured.destroy()
    else take.call(server, secured)
  })
  return tls
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return [localAddress, localPort, remoteAddress, remotePort].join()
}
