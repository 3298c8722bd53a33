import { connect, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../clock/clock.ts'
import { type GuardReply, type GuardRequest, readReplies } from './protocol.ts'

const replyTimeoutMs = 1000

export interface AskedGuard {
  /** Still open; the caller ends it. */
  readonly socket: Socket
  readonly reply: GuardReply
}

/** Sends one request to the guard at this socket. `null`: no guard listens, or it does not answer. */
export async function askGuard(
  path: string,
  request: GuardRequest,
  clock: Clock = systemClock,
): Promise<AskedGuard | null> {
  const socket = connect({ path })
  socket.on('error', () => {})
  socket.setEncoding('utf8')
  const reader = readReplies()
  const reply = await new Promise<GuardReply | null>((resolve) => {
    const timer = clock.after(replyTimeoutMs, () => resolve(null))
    socket.on('data', (chunk: string) => {
      try {
        for (const message of reader.read(chunk)) resolve(message)
      } catch {
        resolve(null)
      }
    })
    socket.on('close', () => {
      timer.cancel()
      resolve(null)
    })
    socket.write(`${JSON.stringify(request)}\n`)
  })
  if (reply !== null) return { socket, reply }
  socket.destroy()
  return null
}
