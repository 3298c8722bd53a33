// Runs inside the node's namespace on the built code: on a line of input it prints the findings of doctor's check, and it
// prints what arrives on its UDP port.
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'

const [root, port] = process.argv.slice(2)
const { firewall } = await import(`${root}/node/doctor/checks/firewall/firewall.js`)

const services = [
  { name: 'vpn', anycast: ['192.0.2.1', '2001:db8:51::1'], wireguard: { port: Number(port) } },
]
const manifest = { neighbors: [{ name: 'transit1', address: '192.0.2.2' }] }
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const socket = createSocket({ type: 'udp6', ipv6Only: false })
socket.on('message', (message) => print({ arrived: message.toString() }))
socket.bind(Number(port), '::', () => print({ ready: true }))

for await (const _ of createInterface({ input: process.stdin })) {
  print({ found: await firewall.examine({ manifest, services }) })
}
process.exit(0)
