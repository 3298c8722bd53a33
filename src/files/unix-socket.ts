import { connect } from 'node:net'

/** Whether a process listens on the Unix socket, by connecting: the file of a killed one remains. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
