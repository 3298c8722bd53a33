// RTR servers inside the node's namespace, which the test itself cannot enter, and on the built code, because
// Node 20 runs no TypeScript. A line of JSON in, a line of JSON out.
import { createInterface } from 'node:readline'

const root = process.argv[2]
const { createRtrServer } = await import(`${root}/plan/rtr/server.js`)
const { readVrps } = await import(`${root}/plan/rpki/read-vrps.js`)

const servers = new Map()
const setOf = (vrps) => {
  const read = readVrps(JSON.stringify({ roas: vrps }), Date.now())
  if (!read.ok) throw new Error(read.problem)
  return read.value.vrps
}

const calls = {
  async serve({ port, vrps }) {
    const known = servers.get(port)
    if (known !== undefined) return known.update(setOf(vrps))
    // Short timers: FRR takes those of the server, not those of its configuration.
    const timers = { refreshS: 30, retryS: 1, expireS: 600 }
    const server = createRtrServer({ vrps: setOf(vrps), ...timers, notifyIntervalMs: 0 })
    servers.set(port, server)
    await server.listen('127.0.0.1', port)
  },
  async close({ port }) {
    await servers.get(port)?.close()
    servers.delete(port)
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...params } = JSON.parse(line)
  const answer = await calls[call](params).then(
    () => ({}),
    (error) => ({ error: String(error) }),
  )
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
