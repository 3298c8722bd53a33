// Runs inside the server's namespace, where the test itself can't be, and on the built code, because
// Node 20 runs no TypeScript. A line of JSON in, a line of JSON out.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const root = process.argv[2]
const { WireguardClient } = await import(`${root}/wireguard/client.js`)
const { Deadline } = await import(`${root}/wireguard/deadline.js`)
const { ipRoute } = await import(`${root}/wireguard/inner/ip.js`)
const { createEndpointProbe } = await import(`${root}/probe/endpoint.js`)

const bytes = (text) => (text === null ? null : Buffer.from(text, 'base64'))

async function within(timeoutMs, ask) {
  const deadline = new Deadline(timeoutMs)
  try {
    return await ask(deadline)
  } finally {
    deadline.cancel()
  }
}

let client = null
let probe = null

const calls = {
  async connect({ endpoints, serverPublicKey, privateKey, presharedKey }) {
    await client?.close()
    client = new WireguardClient({
      endpoints,
      serverPublicKey: bytes(serverPublicKey),
      privateKey: bytes(privateKey),
      presharedKey: bytes(presharedKey),
    })
  },
  handshake: ({ endpoint, timeoutMs }) =>
    within(timeoutMs, (deadline) => client.handshake(endpoint, deadline)),
  ping: ({ endpoint, echo, timeoutMs }) =>
    within(timeoutMs, (deadline) => client.ping(endpoint, ipRoute(echo), deadline)),
  async watch({ service, privateKey, presharedKey }) {
    await probe?.close()
    probe = createEndpointProbe(service, { privateKey: bytes(privateKey), presharedKey: bytes(presharedKey) })
  },
  cycle: () => probe.runCycle(),
  /** Cycles that overlap, as the controller's do. */
  async cycles({ count, intervalMs }) {
    const results = []
    for (let index = 0; index < count; index += 1) {
      results.push(probe.runCycle())
      await sleep(intervalMs)
    }
    return Promise.all(results)
  },
  async stop() {
    await client?.close()
    await probe?.close()
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, call, params } = JSON.parse(line)
  calls[call](params).then(
    (result) => process.stdout.write(`${JSON.stringify({ id, result: result ?? null })}\n`),
    (error) => process.stdout.write(`${JSON.stringify({ id, error: String(error?.stack ?? error) })}\n`),
  )
}
