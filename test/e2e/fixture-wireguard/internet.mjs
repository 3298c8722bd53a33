// The network behind the gateway: a DNS responder and a TCP listener. `answer`: the code (RFC 1035) of each DNS answer.
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const addresses = process.argv.slice(2, 4)
const [dnsPort, tcpPort, code] = process.argv.slice(4).map(Number)
// A wildcard socket would answer from another address than the one queried.
for (const address of addresses) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (query, from) => {
    const reply = Buffer.from(query)
    reply[2] |= 0x80
    reply[3] = 0x80 | code
    socket.send(reply, from.port, from.address)
  })
  socket.bind(dnsPort, address)
}
createServer((connection) => connection.on('error', () => {})).listen(tcpPort, '::', () => {
  process.stdout.write('ready\n')
})
