import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { sshShell } from '../../../change/shell/node-shell.ts'
import { ShellTransport } from '../../../change/shell/shell-transport.ts'
import { type RolloutTransport, TransportError } from '../../../change/transport.ts'
import { systemClock } from '../../../clock/clock.ts'
import type { StoreSettings } from '../../../fleet/etcd/open-store.ts'
import type { Store } from '../../../fleet/store.ts'
import { OperationError } from '../../../text/operation-error.ts'
import { describeForPage } from '../../rollout/describe-status.ts'
import type { Rollout } from '../../rollout/rollout.ts'
import { StatePublisher } from '../../rollout/store/publish-state.ts'
import { RolloutLock } from '../../rollout/store/rollout-lock.ts'
import { StoreTransport } from '../../rollout/store/store-transport.ts'
import type { Fleet } from '../../sites/fleet.ts'

/** How the nodes of a rollout are reached; it does not change while a rollout is not over. */
export type Way =
  | { readonly via: 'ssh' }
  /** `settings` as in fleet.yaml. */
  | { readonly via: 'store'; readonly settings: StoreSettings }
  | { readonly via: 'local' }

/** Nodes on this machine: those of a lab. */
export interface LocalNodes {
  /** Writes bundles for these nodes into `out`, and returns the fleet as it runs here. Throws OperationError. */
  readonly plan: (fleet: Fleet, out: string) => Promise<Fleet>
  /** No other command changes the nodes during `work`. Throws OperationError. */
  readonly use: <T>(work: (transport: RolloutTransport) => Promise<T>) => Promise<T>
}

export interface Place {
  readonly node: string
  readonly site: string
  readonly bundleDir: string
}

export interface Reach {
  readonly transport: (places: readonly Place[]) => RolloutTransport
  /** After a rollout that is over: what it has left behind is removed, as far as possible. */
  readonly clean: () => Promise<void>
  /** Shows its state to all nodes. */
  readonly publish: (rollout: Rollout) => void
  /** One rollout at a time in the whole fleet. */
  readonly lock: Pick<RolloutLock, 'check' | 'take' | 'release' | 'lost'>
}

/** Only the lock of the folder is there. */
const noLock: Reach['lock'] = {
  check: async () => {},
  take: async () => {},
  release: async () => {},
  lost: new AbortController().signal,
}

interface OpenReach extends Reach {
  readonly close: () => Promise<void>
}

interface ReachOptions {
  /** The folder with the planner's certificate for the store, if it is not where `settings` says. */
  readonly storeKeys?: string
  readonly local?: LocalNodes
}

/** Reaches the nodes during `work`. Throws OperationError. */
export async function withReach<T>(
  way: Way,
  { storeKeys, local }: ReachOptions,
  work: (reach: Reach) => Promise<T>,
): Promise<T> {
  if (way.via === 'local') {
    if (local !== undefined)
      return local.use((transport) =>
        work({ transport: () => transport, clean: async () => {}, publish: () => {}, lock: noLock }),
      )
    throw new OperationError('this rollout is one of a lab', {
      hint: 'use `anyward lab rollout`',
      outcome: 'refused',
    })
  }
  const reach = await openReach(way, storeKeys ?? null)
  try {
    return await work(reach)
  } finally {
    await reach.close()
  }
}

async function openReach(way: Exclude<Way, { via: 'local' }>, keys: string | null): Promise<OpenReach> {
  if (way.via === 'ssh') {
    return {
      transport: (places) => {
        const dirs = new Map(places.map(({ node, bundleDir }) => [node, bundleDir]))
        return new ShellTransport(sshShell, (node) => dirs.get(node)!)
      },
      clean: async () => {},
      publish: () => {},
      lock: noLock,
      close: async () => {},
    }
  }
  const store = await openPlannerStore(way.settings, keys)
  const opened: StoreTransport[] = []
  const lock = new RolloutLock(store, systemClock, randomUUID)
  const states = new StatePublisher(store, systemClock, () => lock.fence)
  return {
    publish: (rollout) => states.publish(describeForPage(rollout)),
    lock: {
      check: (claim) => lock.check(claim),
      take: (claim) => lock.take(claim),
      release: async (isOver) => {
        // It compares the lock.
        await states.end()
        await lock.release(isOver)
      },
      lost: lock.lost,
    },
    transport: (places) => {
      const sites = new Map(places.map(({ node, site }) => [node, site]))
      const siteOf = (node: string) => sites.get(node)!
      const transport = new StoreTransport({
        ...{ store, siteOf, createNonce: randomUUID },
        fence: () => lock.fence,
      })
      opened.push(transport)
      return transport
    },
    clean: async () => {
      await opened[0]?.clean().catch((error: unknown) => {
        // The next rollout tries again.
        if (!(error instanceof TransportError)) throw error
      })
    },
    close: async () => {
      for (const transport of opened) transport.close()
      await store.close()
    },
  }
}

/** The store, with the planner's certificate. Throws OperationError. */
export async function openPlannerStore(settings: StoreSettings, keys: string | null): Promise<Store> {
  const { openStore } = await import('../../../fleet/etcd/open-store.ts')
  return openStore(keys === null ? settings : settingsIn(settings, keys)).catch(
    (cause: NodeJS.ErrnoException) => {
      throw new OperationError(`cannot read ${cause.path} (${cause.code})`, {
        hint:
          keys === null
            ? 'name the folder of the planner’s certificate with --store-keys; scripts/etcd/prepare makes it'
            : `${keys} has to be the folder \`planner\` that scripts/etcd/prepare makes`,
        cause,
      })
    },
  )
}

/** The names that `scripts/etcd/prepare` gives them. */
function settingsIn(settings: StoreSettings, dir: string): StoreSettings {
  return {
    ...settings,
    caFile: join(dir, 'ca.crt'),
    certFile: join(dir, 'client.crt'),
    keyFile: join(dir, 'client.key'),
  }
}
