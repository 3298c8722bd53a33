import { randomUUID } from 'node:crypto'
import type { Clock } from '../../clock/clock.ts'
import type { FleetMember } from '../../fleet/exchange/fleet-member.ts'
import { timesFor } from '../../fleet/exchange/times.ts'
import type { Store } from '../../fleet/store.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Say } from '../../telemetry/say.ts'
import type { FleetPlace } from '../controller/parts.ts'
import type { ServicePermit } from '../controller/services/permit-keeper.ts'

/** A node's place in the fleet's store. */
export interface Membership
  extends FleetPlace,
    Pick<FleetMember, 'describeBy' | 'look' | 'changes' | 'stale' | 'clocks' | 'removeHolder'> {
  /** For people; `null`: the store cannot be asked. */
  readonly store: Pick<Store, 'read'> | null
  readonly close: () => Promise<void>
}

/** The same failure is logged again only after this time. */
const repeatMs = 60_000

/** `null`: the fleet has no store. Never throws: without its store a node decides alone. */
export async function joinFleet(manifest: Manifest, clock: Clock, say: Say): Promise<Membership | null> {
  const { store: settings, site, node, services, remote } = manifest
  if (settings === null) return null
  const last = { message: '', atMs: 0 }
  const onFailure = (message: string) => {
    if (message === last.message && clock.now() - last.atMs < repeatMs) return
    Object.assign(last, { message, atMs: clock.now() })
    say('warn', { event: 'store', cause: message }, `the store: ${message}`)
  }
  try {
    const { openStore } = await import('../../fleet/etcd/open-store.ts')
    const { FleetMember } = await import('../../fleet/exchange/fleet-member.ts')
    const store = await openStore(settings, settings.beatEveryMs)
    const member = new FleetMember({
      store,
      clock,
      self: { site, node },
      services: services.map(({ name, minSites }) => ({ name, minSites })),
      times: timesFor(settings.beatEveryMs),
      createNonce: randomUUID,
      onFailure,
    })
    return {
      permitOf: (service) => member.service(service),
      describeBy: (describe) => member.describeBy(describe),
      look: () => member.look(),
      changes: () => member.changes(),
      stale: () => member.stale(),
      clocks: () => member.clocks(),
      holds: (service) => member.holds(service),
      contact: () => member.contact(),
      remoteOf: (service) =>
        member.viewRemotely(service, remote?.observers.filter((one) => one.service === service) ?? []),
      removeHolder: (service, holder) => member.removeHolder(service, holder),
      store,
      close: async () => {
        await member.close()
        await store.close()
      },
    }
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException
    const problem = path === undefined ? message : `cannot read ${path} (${code}), so this node decides alone`
    onFailure(problem)
    const contact = { ok: false, sinceMs: clock.wall(), problem }
    return {
      permitOf: () => unreachable,
      describeBy: () => {},
      look: () => ({ store: contact, nodes: [], permits: [], changes: 0 }),
      changes: () => ({ since: new Date(contact.sinceMs).toISOString(), count: 0, events: [] }),
      stale: () => [],
      clocks: () => [],
      holds: () => false,
      contact: () => contact,
      remoteOf: () => null,
      removeHolder: async () => ({ outcome: 'failed', message: problem }),
      store: null,
      close: async () => {},
    }
  }
}

const unreachable: ServicePermit = {
  ask: async () => ({ phase: 'unreachable' }),
  mayWithdraw: () => false,
  sayWell: () => {},
  sayNotWell: () => {},
  reportWithdrawal: () => {},
}
