import { SimulatedClient } from './client.mjs'
import { OldProbe } from './old-probe.mjs'
import { VirtualClock } from './virtual-clock.mjs'
import { World } from './world.mjs'

export const endpoint = { address: '192.0.2.1', port: 51820 }
/** The defaults, without a hold-down, which would hide the second false withdrawal of a row. */
const rules = {
  intervalMs: 200,
  timeoutMs: 300,
  rise: 5,
  fall: 3,
  checks: ['handshake', 'ping'],
  window: { size: 50, maxLoss: 0.1 },
  holdDown: { initialMs: 0, maxMs: 0 },
  egress: null,
  command: null,
  peers: null,
  conntrack: null,
}

/**
 * One service whose endpoint works, with the controller's own probing and health, for `forMs` of its time: how often it was
 * withdrawn, what share of the time degraded, and the packets that its probe has sent.
 * @param parts the classes of src that it runs
 * @param changed settings of the probe, or several `endpoints`
 * @param before the silences that an earlier probe has saved
 */
export async function countFalseWithdrawals(parts, isOld, disturb, seed, forMs, changed = {}, before = []) {
  const { clock, world, state, probe, start } = createService(parts, isOld, disturb, seed, forMs, changed)
  if (!isOld) probe.restoreSilences(before, 0)
  let withdrawals = 0
  let impairedMs = 0
  let last = { status: state.health.status, atMs: 0 }
  const note = () => {
    const { status } = state.health
    if (status === last.status) return
    if (status === 'unhealthy') withdrawals += 1
    if (last.status === 'impaired') impairedMs += clock.now() - last.atMs
    last = { status, atMs: clock.now() }
  }
  const probing = start(note)
  await clock.run(forMs)
  probing.end()
  if (last.status === 'impaired') impairedMs += forMs - last.atMs
  const { packets, closestInitiationsMs } = world
  const silences = isOld ? [] : probe.saveSilences()
  return { withdrawals, impairedShare: impairedMs / forMs, packets, closestInitiationsMs, silences }
}

/** Milliseconds from a hang, `afterMs` after the start, to its detection; `null`: not within 10 s. */
export async function measureDetection(parts, isOld, disturb, seed, afterMs, changed = {}) {
  const { clock, world, state, start } = createService(parts, isOld, disturb, seed, afterMs + 20_000, changed)
  const probing = start(() => {})
  await clock.run(afterMs, () => false)
  // A false withdrawal of just then is over.
  await clock.run(afterMs + 5_000, () => state.health.status !== 'unhealthy')
  const hungAtMs = clock.now()
  world.deadFromMs = hungAtMs
  await clock.run(hungAtMs + 10_000, () => state.health.status === 'unhealthy')
  probing.end()
  return state.health.status === 'unhealthy' ? clock.now() - hungAtMs : null
}

/** Milliseconds until an endpoint that was dead is healthy, once it answers again; `null`: not within a minute. */
export async function measureRecovery(parts, disturb, seed, changed = {}) {
  const { clock, world, state, start } = createService(parts, false, disturb, seed, 70_000, changed)
  world.deadFromMs = 0
  const probing = start(() => {})
  await clock.run(3000)
  world.deadFromMs = Number.POSITIVE_INFINITY
  await clock.run(63_000, () => state.health.status === 'healthy')
  probing.end()
  return state.health.status === 'healthy' ? clock.now() - 3000 : null
}

function createService(parts, isOld, disturb, seed, untilMs, { endpoints = [endpoint], ...changed } = {}) {
  const { Deadline, EndpointProbe, Probing, ServiceState } = parts
  const own = { ...rules, ...changed }
  const world = new World(disturb, seed, untilMs)
  const clock = new VirtualClock(world.ownStalls)
  const client = new SimulatedClient(parts, world, clock, isOld)
  const probe = isOld
    ? new OldProbe(Deadline, client, clock, own.timeoutMs, endpoints)
    : new EndpointProbe({
        endpoints,
        serverPublicKey: Buffer.alloc(32),
        privateKey: Buffer.alloc(32),
        presharedKey: null,
        address: '10.80.255.254',
        tunnelAddresses: ['10.80.0.1'],
        timeoutMs: own.timeoutMs,
        checks: own.checks,
        suspicion: { intervalMs: own.intervalMs, fall: own.fall },
        client,
        clock,
      })
  const service = {
    name: 'vpn',
    anycast: [endpoint.address],
    wireguard: { interface: 'wg0' },
    // Before, the default was 20 %.
    probe: isOld ? { ...own, window: { size: 50, maxLoss: 0.2 } } : own,
  }
  const state = new ServiceState(service, 0, 0)
  const unit = {
    state,
    service,
    probes: { endpoint: probe, side: [] },
    cycleBeganAt: 0,
    cycleEndedAt: 0,
    cyclesRunning: 0,
  }
  const start = (onResult) => {
    const observer = { probed() {}, checked() {} }
    const probing = new Probing({ units: [unit], clock, observer, onResult })
    probing.start()
    return probing
  }
  return { clock, world, state, probe, start }
}
