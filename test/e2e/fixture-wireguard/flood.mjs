// Initiations that pass mac1 and fail later: each costs the server an X25519. Counts the cookie replies.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

const [root, address, port, serverPublicKey] = process.argv.slice(2)
const { hash, mac } = await import(`${root}/node/wireguard/primitives.js`)
const key = hash(Buffer.from('mac1----'), Buffer.from(serverPublicKey, 'base64'))
const packets = Array.from({ length: 64 }, () => {
  const packet = randomBytes(148)
  packet.writeUInt32LE(1, 0)
  packet.set(mac(key, packet.subarray(0, 116)), 116)
  packet.fill(0, 132)
  return packet
})

let sent = 0
let cookies = 0
const socket = createSocket('udp4')
socket.on('message', (packet) => {
  if (packet[0] === 3) cookies += 1
})
socket.on('error', () => {})
socket.connect(Number(port), address, () => {
  const burst = () => {
    for (const packet of packets) {
      socket.send(packet, () => {})
      sent += 1
    }
    setImmediate(burst)
  }
  burst()
})
setInterval(() => process.stdout.write(`${JSON.stringify({ sent, cookies })}\n`), 100)
process.stdin.resume().on('end', () => process.exit(0))
