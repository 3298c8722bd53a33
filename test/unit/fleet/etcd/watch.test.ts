import { expect, test, vi } from 'vitest'
import type { Endpoint } from '../../../../src/fleet/etcd/endpoint.ts'
import type { WatchRequest } from '../../../../src/fleet/etcd/rpc_pb.ts'
import { EtcdWatch } from '../../../../src/fleet/etcd/watch.ts'
import type { WatchEvent } from '../../../../src/fleet/store.ts'

const encoder = new TextEncoder()

/**
 * A member; each watch that begins gets the changes of one of `messages`.
 * @param reconnectsAt the watch, from 1 on, that is on another connection than those before it
 */
function startMember(messages: readonly (readonly bigint[])[], reconnectsAt?: number) {
  const seen = { begun: [] as bigint[], snapshots: 0, connections: 1, open: 0 }
  const response = (revisions: readonly bigint[]) => ({
    ...{ compactRevision: 0n, canceled: false, cancelReason: '' },
    events: revisions.map((modRevision) => ({
      type: 0,
      kv: { key: encoder.encode('beat/a/a'), value: encoder.encode(String(modRevision)), modRevision },
    })),
  })
  const endpoint = {
    url: 'https://member',
    connect: async () => null,
    abort: () => {},
    opened: () => seen.connections,
    kv: {
      txn: async () => {
        seen.snapshots += 1
        return { header: { revision: 5n }, responses: [] }
      },
    },
    watch: {
      async *watch(requests: AsyncIterable<WatchRequest>, { signal }: { signal: AbortSignal }) {
        for await (const { requestUnion } of requests) {
          if (requestUnion.case === 'createRequest') seen.begun.push(requestUnion.value.startRevision)
          break
        }
        if (seen.begun.length === reconnectsAt) seen.connections += 1
        seen.open += 1
        signal.addEventListener('abort', () => {
          seen.open -= 1
        })
        yield response([])
        const next = messages[seen.begun.length - 1]
        if (next !== undefined) yield response(next)
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    },
  }
  return { seen, endpoint: endpoint as unknown as Endpoint }
}

function follow(endpoint: Endpoint, gatherMs: number) {
  const events: WatchEvent[] = []
  const onEvent = (event: WatchEvent) => void events.push(event)
  const members = { preferred: () => endpoint, demote: () => {} }
  const watch = new EtcdWatch({ prefix: 'beat/', onEvent, gatherMs }, members)
  const values = () =>
    events.flatMap((event) => (event.event === 'changes' ? event.changes.map(({ value }) => value) : []))
  return { events, values, close: () => watch.close() }
}

test('changes that are gathered are asked for from after the last one, and none is left out or comes twice', async () => {
  const { seen, endpoint } = startMember([[6n], [7n, 9n], [10n]])
  const { events, values, close } = follow(endpoint, 5)
  await vi.waitFor(() => expect(values()).toEqual(['6', '7', '9', '10']))
  await vi.waitFor(() => expect(seen.begun).toEqual([6n, 7n, 10n, 11n]))
  expect(events[0]).toEqual({ event: 'snapshot', values: new Map() })
  expect([seen.snapshots, seen.open]).toEqual([1, 1])
  close()
  expect(seen.open).toBe(0)
})

test('changes that are not gathered come on one stream', async () => {
  const { seen, endpoint } = startMember([[6n], [7n]])
  const { values, close } = follow(endpoint, 0)
  await vi.waitFor(() => expect(values()).toEqual(['6']))
  expect(seen.begun).toEqual([6n])
  close()
})

test('after another connection everything is read again, because the store may be another one', async () => {
  const { seen, endpoint } = startMember([[6n], [7n], [8n]], 2)
  const { events, values, close } = follow(endpoint, 5)
  await vi.waitFor(() => expect(values()).toEqual(['6', '8']))
  expect(seen.snapshots).toBe(2)
  expect(events.map(({ event }) => event)).toEqual([
    ...['snapshot', 'changes', 'interrupted', 'snapshot', 'changes'],
  ])
  close()
})
