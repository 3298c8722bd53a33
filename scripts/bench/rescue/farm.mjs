// WireGuard clients that only shake hands: each begins a session with the server, and then does nothing.
//   farm.mjs SERVER_KEY < private keys, a line each; prints `ready`, and stays
import { readFileSync } from 'node:fs'
import { anycast, port } from '../shared/machine.mjs'

const at = (name) => new URL(`../../../dist/node/wireguard/${name}.js`, import.meta.url)
const { WireguardClient } = await import(at('client'))
const { Deadline } = await import(at('deadline'))
const atOnce = 20
const attempts = 5

const serverPublicKey = Buffer.from(process.argv[2], 'base64')
const endpoint = { address: anycast, port }
const keys = readFileSync(0, 'utf8').trim().split('\n')
const clients = []
const begin = async () => {
  for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
    const privateKey = Buffer.from(key, 'base64')
    const client = new WireguardClient({
      privateKey,
      serverPublicKey,
      presharedKey: null,
      endpoints: [endpoint],
    })
    clients.push(client)
    let outcome = null
    for (let attempt = 0; attempt < attempts && outcome?.ok !== true; attempt += 1) {
      const deadline = new Deadline(2000)
      outcome = await client.handshake(endpoint, deadline)
      deadline.cancel()
    }
    if (!outcome.ok) throw new Error(`no session: ${JSON.stringify(outcome)}`)
    // The server takes the session for begun when it has a packet of it.
    client.tell(Buffer.alloc(0))
  }
}
await Promise.all(Array.from({ length: atOnce }, begin))
process.stdout.write('ready\n')
