// Runs inside the server's namespace, which the test itself cannot enter, and on the built code, because
// Node 20 runs no TypeScript. A line of JSON in, a line of JSON out.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const root = process.argv[2]
const { WireguardClient } = await import(`${root}/node/wireguard/client.js`)
const { Deadline } = await import(`${root}/node/wireguard/deadline.js`)
const { ipRoute } = await import(`${root}/node/wireguard/inner/ip.js`)
const { keyPairOf } = await import(`${root}/node/wireguard/key.js`)
const { createEndpointProbe } = await import(`${root}/node/probe/endpoint.js`)
const { createSideProbes } = await import(`${root}/node/probe/side/create-side-probes.js`)

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
let side = []

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
    const secrets = { privateKey: bytes(privateKey), presharedKey: bytes(presharedKey) }
    probe = createEndpointProbe(service, secrets)
    const publicKey = keyPairOf(secrets.privateKey).publicKey.toString('base64')
    side = createSideProbes(service, { node: 'fra1-a', tunnel: probe, publicKey })
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
  side: ({ check }) => side.find((candidate) => candidate.check === check).run(),
  /** For each key a client completes a handshake and sends an echo, so that the server counts the peer as active. */
  async crowd({ endpoint, serverPublicKey, privateKeys, echoes }) {
    for (const [index, privateKey] of privateKeys.entries()) {
      const member = new WireguardClient({
        endpoints: [endpoint],
        serverPublicKey: bytes(serverPublicKey),
        privateKey: bytes(privateKey),
        presharedKey: null,
      })
      await within(10_000, async (deadline) => {
        const handshake = await member.handshake(endpoint, deadline)
        if (handshake.ok) await member.ping(endpoint, ipRoute(echoes[index]), deadline)
      })
      await member.close()
    }
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
