import { existsSync } from 'node:fs'
import type { Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../clock/clock.ts'
import { createHttpServer, listen } from '../../control/http-server.ts'
import {
  ListenError,
  type Listener,
  type ListenerOptions,
  logThreadEnd,
  startListener,
} from '../../control/listener.ts'
import type { OperatorOrder } from '../../control/order.ts'
import { namedOrderRoute, orderRoute, viewRoutes } from '../../control/program-routes.ts'
import type { Route } from '../../control/route.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Log } from '../../telemetry/log.ts'
import type { createMetrics } from '../../telemetry/metrics.ts'
import { renderMetrics } from '../../telemetry/render-metrics.ts'
import { OperationError } from '../../text/operation-error.ts'
import type { Controller } from '../controller/controller.ts'
import { measureStatus } from '../controller/report-events.ts'
import { controlSocketOf } from './control-socket.ts'

/** What a controller serves: its status, its metrics, and orders on the control socket. */
export function createRoutes(
  controller: Controller,
  metrics: ReturnType<typeof createMetrics>,
  others: readonly Route[],
  measure: () => void,
): Route[] {
  const carryOut = async ({ intent, reason, by = null, forcedBy = null, forMs }: OperatorOrder) => {
    const since = systemClock.wall()
    const until = forMs === null ? null : since + forMs
    await controller.setIntent({ intent, reason, by, forcedBy, since, until })
    await controller.settle(2000)
    return controller.status()
  }
  return [
    ...others,
    ...viewRoutes({
      isWorking: () => controller.isVerified,
      status: () => controller.status(),
      metrics: async () => {
        measureStatus(controller.status(), metrics)
        measure()
        return renderMetrics(metrics.registry, metrics.peerLines)
      },
    }),
    orderRoute(carryOut),
    namedOrderRoute(carryOut),
  ]
}

/** Throws OperationError if it cannot listen. */
export async function openControlSocket(manifest: Manifest, routes: readonly Route[]): Promise<Server> {
  const path = controlSocketOf(manifest)
  const server = createHttpServer({ routes, access: 'owner' })
  // Only the owner of the socket may give orders, from the moment that the socket exists.
  const umask = process.umask(0o177)
  try {
    await listen(server, path)
  } catch (cause) {
    throw new OperationError(`cannot listen on ${path} (${(cause as NodeJS.ErrnoException).code})`, {
      hint: 'check whether another program listens there',
      cause,
    })
  } finally {
    process.umask(umask)
  }
  return server
}

/** The TCP listener, if the manifest has one. Throws OperationError if it cannot listen. */
export async function openListener(
  { listen: places, access }: Manifest,
  routes: readonly Route[],
  { log, ...said }: { readonly log: Log } & Pick<ListenerOptions, 'onAccess' | 'onWrongToken'>,
): Promise<Listener | null> {
  if (places.length === 0) return null
  try {
    // The build puts the page beside the bundled program.
    const pageDir = fileURLToPath(new URL('../web/', import.meta.url))
    const page = existsSync(pageDir) ? { pageDir } : {}
    const shared = { places, routes, onEnd: logThreadEnd(log), ...page, ...said }
    return await startListener({ ...shared, ...(access && { access }) })
  } catch (cause) {
    if (!(cause instanceof ListenError)) throw cause
    throw new OperationError(cause.message, {
      hint: 'check whether another program listens there; `controller.listen` in fleet.yaml sets the address',
      cause,
    })
  }
}
