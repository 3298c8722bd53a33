import { ListenError, type Listener, logThreadEnd, startListener } from '../../control/listener.ts'
import { viewRoutes } from '../../control/program-routes.ts'
import type { Log } from '../../telemetry/log.ts'
import { OperationError } from '../../text/operation-error.ts'

type Views = Parameters<typeof viewRoutes>[0]

/** Serves /healthz, /status and /metrics of a long-running program. Throws OperationError if it cannot listen. */
export async function serveViews(
  where: string,
  { option, log, ...views }: Views & { readonly option: string; readonly log: Log },
): Promise<Listener> {
  try {
    return await startListener({ places: [where], routes: viewRoutes(views), onEnd: logThreadEnd(log) })
  } catch (cause) {
    if (!(cause instanceof ListenError)) throw cause
    throw new OperationError(cause.message, {
      hint: `check whether another program listens there; ${option} sets the address and the port`,
      cause,
    })
  }
}
