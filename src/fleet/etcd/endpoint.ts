import { setTimeout as delay } from 'node:timers/promises'
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { KV, Watch } from './rpc_pb.ts'

export interface Credentials {
  /** PEM. The CA that has signed the members' certificates. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** One member of the cluster, with one connection. */
export interface Endpoint {
  readonly url: string
  readonly kv: Client<typeof KV>
  readonly watch: Client<typeof Watch>
  /** Whether there is a connection, or can be one within the time. Nothing is sent to a member without one. */
  readonly connect: (withinMs: number) => Promise<string | null>
  readonly abort: () => void
}

/** A member that has no leader refuses a request with this header, instead of letting it wait. */
export const headers = { hasleader: 'true' }

/**
 * The members refuse a PING more often than every 5 s. This is the age from which a connection is verified before its
 * next request.
 */
const pings = { pingIntervalMs: 10_000, pingTimeoutMs: 1000 }

export function openEndpoint(url: string, { ca, cert, key }: Credentials): Endpoint {
  const session = new Http2SessionManager(url, pings, { ca, cert, key })
  const transport = createGrpcTransport({ baseUrl: url, sessionManager: session, acceptCompression: [] })
  return {
    url,
    kv: createClient(KV, transport),
    watch: createClient(Watch, transport),
    connect: async (withinMs) => {
      const late = new AbortController()
      const timer = delay(withinMs, 'late' as const, { signal: late.signal }).catch(() => 'late' as const)
      const state = await Promise.race([session.connect(), timer])
      late.abort()
      if (state === 'open' || state === 'idle') return null
      if (state === 'late') session.abort()
      const reason = state === 'late' ? 'no connection in time' : messageOf(session.error())
      return `${url}: ${reason}`
    },
    abort: () => session.abort(),
  }
}

export type Failure =
  /** The member has not executed the request, and another may. */
  | 'not-executed'
  /** It will not be executed by any member. */
  | 'refused'
  | 'unknown'

/** What an error says of a request that was sent. Only etcd's own words prove that it was not executed. */
export function classifyError(error: unknown): Failure {
  const { code, rawMessage } = ConnectError.from(error)
  if (!rawMessage.startsWith('etcdserver: ')) {
    return rawMessage.startsWith('grpc: received message larger than max') ? 'refused' : 'unknown'
  }
  if (code === Code.Unavailable && rawMessage === 'etcdserver: no leader') return 'not-executed'
  return refusals.has(code) ? 'refused' : 'unknown'
}

const refusals = new Set([
  Code.InvalidArgument,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.FailedPrecondition,
  Code.ResourceExhausted,
])

export function messageOf(error: unknown): string {
  return error instanceof Error ? ConnectError.from(error).rawMessage : String(error)
}
