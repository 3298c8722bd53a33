import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

const patienceMs = 60_000

/** One more node, which asks, is granted, and gives the permit back, again and again. */
export async function measurePermits(store, times, count) {
  const { FleetMember } = await import('../../../dist/fleet/exchange/fleet-member.js')
  const { systemClock } = await import('../../../dist/clock/clock.js')
  const member = new FleetMember({
    ...{ store, clock: systemClock, self: { site: 'asks', node: 'asks-a' }, times },
    services: [{ name: 'vpn', minSites: 2 }],
    createNonce: randomUUID,
    onFailure: () => {},
  })
  const service = member.service('vpn')
  const granted = []
  try {
    // It has to see the beats of others rise.
    await delay(times.beatEveryMs * 2)
    for (let round = 0; round < count; round += 1) {
      service.sayWell()
      await untilReturned(store, member, service)
      const start = performance.now()
      const { phase } = await service.ask('probe')
      granted.push(phase === 'granted' ? performance.now() - start : null)
    }
  } finally {
    service.sayWell()
    await untilReturned(store, member, service)
    await member.close()
  }
  return granted
}

/** Also as the node has watched it: before it is well again for a while it is not asked. */
async function untilReturned(store, member, service) {
  const endsAtMs = performance.now() + patienceMs
  for (;;) {
    const key = 'permit/vpn'
    const read = await store.read([{ key }], 5000)
    const register = read.outcome === 'read' ? JSON.parse(read.values.get(key) ?? '[]') : null
    if (register?.length === 0 && service.entry?.well === true && !member.holds('vpn')) return
    if (performance.now() > endsAtMs) {
      throw new Error(`the permit is not returned: ${JSON.stringify(register)}`)
    }
    await delay(5)
  }
}
