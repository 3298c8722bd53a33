// The load that any local user can put on an HTTP listener: node load.mjs ADDRESS PORT KIND. Runs until it is killed;
// prints a line once it has started.
import { connect } from 'node:net'

const [host, portText, kind] = process.argv.slice(-3)
const port = Number(portText)
const request = (path = '/metrics') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const pipelined = request().repeat(2000)

/** Opens a connection; `again` runs when it has ended. */
function open(onConnect, again) {
  const socket = connect({ host, port })
  socket.on('error', () => {})
  socket.on('connect', () => onConnect(socket))
  socket.on('close', () => setImmediate(() => again()))
}
/** Keeps that many connections open; a closed one is opened again after `pauseMs`. */
function keep(count, onConnect, pauseMs = 0) {
  for (let at = 0; at < count; at += 1) {
    const again = () => open(onConnect, () => (pauseMs === 0 ? again() : setTimeout(again, pauseMs)))
    again()
  }
}

const kinds = {
  /** As many requests as fit; the answers are read. */
  pipelined: () => keep(4, (socket) => socket.resume().write(pipelined)),
  /** The same; no answer is read. */
  deaf: () => keep(8, (socket) => socket.pause().write(pipelined)),
  /** Thousands of silent connections. */
  idle: () => keep(3000, (socket) => socket.resume(), 3000),
  /** A header sent byte by byte, without end. */
  slow: () =>
    keep(200, (socket) => {
      socket.resume().write('GET /metrics HTTP/1.1\r\nX: ')
      const timer = setInterval(() => socket.write('x'), 100)
      socket.on('close', () => clearInterval(timer))
    }),
  /** Connections that are closed as soon as they are open. */
  churn: () => keep(64, (socket) => socket.destroy()),
  /** Data that is not HTTP, as fast as it is read. */
  malformed: () => keep(16, (socket) => socket.resume().write('\0\r\n\r\n{'.repeat(10_000))),
  /** One request per connection, as fast as the answers come. */
  requests: () => keep(16, (socket) => socket.resume().write(request('/status'))),
  /** A header without end, and a body without end. */
  endless: () =>
    keep(8, (socket) => {
      const chunk = 'x'.repeat(65_536)
      const push = () => {
        while (socket.writable && socket.write(chunk));
      }
      socket.resume().write('POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n')
      socket.on('drain', push)
      push()
    }),
}
kinds[kind]()
setTimeout(() => process.stdout.write('begun\n'), 500)
