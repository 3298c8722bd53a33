// Sends a UDP packet to each address 20 times a second, or prints when one arrives: the number of the address, and the time.
import { createSocket } from 'node:dgram'

const port = 9999
const [mode, ...addresses] = process.argv.slice(2)
if (mode === 'send') {
  const socket = createSocket('udp4')
  // While a client has no session, the kernel refuses a packet to it.
  socket.on('error', () => {})
  setInterval(() => {
    for (const address of addresses) socket.send('x', port, address, () => {})
  }, 50)
} else {
  for (const [index, address] of addresses.entries()) {
    const socket = createSocket('udp4')
    socket.on('message', () => process.stdout.write(`${index} ${Date.now()}\n`))
    socket.bind(port, address)
  }
}
