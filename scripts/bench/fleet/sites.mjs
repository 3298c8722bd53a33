/**
 * Simulated sites, each with a connection of its own: the first argument is JSON, see `settings`. Over IPC it prints when all
 * of them take part, and for each value of the watched key, when the last of them has seen it.
 */
import { randomUUID } from 'node:crypto'
import { EtcdStore } from '../../../dist/fleet/etcd/etcd-store.js'
import { FleetMember } from '../../../dist/fleet/exchange/fleet-member.js'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { systemClock } = await load('clock/clock.js')
const settings = JSON.parse(process.argv[2])
const { first, count, endpoints, credentials, times, watched } = settings

let failures = 0
let joined = 0
const seenBy = new Map()
const stores = []
for (let at = 0; at < count; at += 1) {
  const number = first + at
  const from = number % endpoints.length
  const store = new EtcdStore([...endpoints.slice(from), ...endpoints.slice(0, from)], credentials)
  stores.push(store)
  const member = new FleetMember({
    store,
    clock: systemClock,
    self: { site: `s${number}`, node: `s${number}-a` },
    services: [{ name: 'vpn', minSites: 2 }],
    times,
    createNonce: randomUUID,
    onFailure: () => {
      failures += 1
    },
  })
  member.service('vpn').sayWell()
  store.watch(watched, (event) => {
    if (event.event === 'snapshot') {
      joined += 1
      if (joined === count) process.send({ joined })
    } else if (event.event === 'changes') {
      for (const { value } of event.changes) see(value)
    }
  })
}

function see(value) {
  const seen = (seenBy.get(value) ?? 0) + 1
  seenBy.set(value, seen)
  if (seen === count) process.send({ value, atMs: performance.timeOrigin + performance.now() })
}

process.on('message', () => process.send({ failures }))
process.on('disconnect', () => process.exit())
