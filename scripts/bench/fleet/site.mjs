/**
 * One site with the product's own client. The first argument is JSON, see `settings`. Over IPC it prints when it takes
 * part, and when it has seen a value of the watched key.
 */
import { randomUUID } from 'node:crypto'
import { EtcdStore } from '../../../dist/fleet/etcd/etcd-store.js'
import { FleetMember } from '../../../dist/fleet/exchange/fleet-member.js'
import { reportOf } from './report-of.mjs'

const { systemClock } = await import('../../../dist/clock/clock.js')
const { number, endpoints, credentials, times, watched } = JSON.parse(process.argv[2])
const settings = { site: `s${number}`, node: `s${number}-a` }

let failures = 0
const store = new EtcdStore(endpoints, credentials, times.beatEveryMs)
const member = new FleetMember({
  ...{ store, clock: systemClock, self: settings, times },
  services: [{ name: 'vpn', minSites: 2 }],
  createNonce: randomUUID,
  onFailure: () => {
    failures += 1
  },
})
const report = reportOf()
delete report.clockMs
member.describeBy(() => report)
member.service('vpn').sayWell()
store.watch(watched, (event) => {
  if (event.event === 'snapshot') process.send({ joined: 1 })
  else if (event.event === 'changes') {
    for (const { value } of event.changes)
      process.send({ value, atMs: performance.timeOrigin + performance.now() })
  }
})

process.on('message', (message) => {
  if (message === 'begin') return
  const stale = member.look().nodes.filter((node) => node.stale).length
  process.send({ failures, stale, known: member.look().nodes.length })
})
process.on('disconnect', () => process.exit())
