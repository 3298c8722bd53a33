import {
  ListenError,
  type Listener,
  type ListenerOptions,
  logThreadEnd,
  startListener,
} from '../../control/listener.ts'
import { viewRoutes } from '../../control/program-routes.ts'
import type { Log } from '../../telemetry/log.ts'
import { OperationError } from '../../text/operation-error.ts'

type Views = Parameters<typeof viewRoutes>[0]

/**
 * Serves /healthz, /status and /metrics of a long-running program, and what `more` adds. Throws OperationError if it cannot
 * listen.
 */
export async function serveViews(
  where: string,
  { option, log, ...views }: Views & { readonly option: string; readonly log: Log },
  more: Partial<ListenerOptions> = {},
): Promise<Listener> {
  try {
    return await startListener({
      onEnd: logThreadEnd(log),
      ...more,
      places: [where],
      routes: [...viewRoutes(views), ...(more.routes ?? [])],
    })
  } catch (cause) {
    if (!(cause instanceof ListenError)) throw cause
    throw new OperationError(cause.message, {
      hint: `check whether another program listens there; ${option} sets the address and the port`,
      cause,
    })
  }
}
