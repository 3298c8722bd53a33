import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { Connection } from '../connection.ts'
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
  /** `null`: there is a connection. Otherwise why not, without the URL. Nothing is sent to a member without one. */
  readonly connect: (withinMs: number) => Promise<string | null>
  readonly abort: () => void
}

/** A member that has no leader refuses a request with this header, instead of letting it wait. */
export const headers = { hasleader: 'true' }

export function openEndpoint(url: string, { ca, cert, key }: Credentials): Endpoint {
  const connection = new Connection(url, { ca, cert, key })
  const transport = createGrpcTransport({ baseUrl: url, sessionManager: connection, acceptCompression: [] })
  return {
    url,
    kv: createClient(KV, transport),
    watch: createClient(Watch, transport),
    connect: (withinMs) => connection.connect(withinMs),
    abort: () => connection.abort(),
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
