import { connect, createServer, type Socket } from 'node:net'

/** A proxy for a daemon's socket that records requests and replies and can act between them. */
export async function listenBetween(
  socketPath: string,
  hooks: { onRequest: (text: string) => void; onReply: (text: string) => void },
) {
  const path = `${socketPath}.between`
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect({ path: socketPath })
    sockets.push(near, far)
    near.on('data', (data) => {
      hooks.onRequest(data.toString())
      far.write(data)
    })
    far.on('data', (data) => {
      hooks.onReply(data.toString())
      near.write(data)
    })
    for (const socket of [near, far]) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { path, close }
}
