import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import type { Server } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { readBundle } from '../../bundle/read.ts'
import { createHttpServer, listen } from '../../control/http-server.ts'
import { ListenError, type Listener, startListener } from '../../control/listener.ts'
import { orderRoute, viewRoutes } from '../../control/program-routes.ts'
import type { Route } from '../../control/routes.ts'
import { runIp } from '../../linux/ip.ts'
import { watchLinks } from '../../linux/link-watch.ts'
import { describeMissing, findMissingPrograms } from '../../linux/programs.ts'
import { setOwnPriority } from '../../linux/scheduling-priority.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { journalPath, lockApply } from '../../node/apply/lock.ts'
import { systemClock } from '../../node/controller/clock.ts'
import { Controller } from '../../node/controller/controller.ts'
import { createObserver, measureStatus } from '../../node/controller/observer.ts'
import { rpkiRulesOf, watchRpki } from '../../node/controller/watch/rpki-watch.ts'
import { watchSaved } from '../../node/controller/watch/saved-watch.ts'
import { createSupervisor, type Supervisor } from '../../node/guard/notify.ts'
import { createFrrRpki } from '../../node/routing/frr/rpki.ts'
import { createSavedNetworks } from '../../node/routing/frr/saved-networks.ts'
import { TrafficWatch } from '../../node/wireguard/traffic.ts'
import { LastResort } from '../../node/withdraw/last-resort.ts'
import { RemovedAddresses } from '../../node/withdraw/removed-addresses.ts'
import { createEventLog } from '../../telemetry/events.ts'
import { createLog, type Log } from '../../telemetry/log.ts'
import { createMetrics } from '../../telemetry/metrics.ts'
import { renderMetrics } from '../../telemetry/render-metrics.ts'
import { createSay } from '../../telemetry/say.ts'
import { CommandError, exitCode } from '../failure.ts'
import { controlSocketOf } from '../operator/control-client.ts'
import { bundleSerialOf } from '../versions.ts'
import { createDaemon } from './create-daemon.ts'
import { createGuard } from './create-guard.ts'
import { createProbes } from './create-probes.ts'
import { keepState } from './keep-state.ts'
import { lockNode, requireOwnDaemon, requireOwnNode } from './node-identity.ts'

/** Above the other services. */
const niceness = -10
/** SIGTERM is answered within 2 s, whatever the daemon does. */
const stopTimeoutMs = 1700

export async function runController(bundle: string): Promise<void> {
  await control(await readWholeBundle(bundle), bundle)
}

/** An `apply` that was killed, by a power cut say, may have left the bundle ahead of what the daemon runs. */
async function readWholeBundle(dir: string): Promise<Manifest> {
  const manifest = await readBundle(dir)
  const { bundleDir } = manifest.paths
  if (bundleDir === undefined || !existsSync(journalPath(bundleDir))) return manifest
  let release = () => {}
  try {
    const lock = await lockApply(bundleDir)
    // One that is under way looks after itself.
    if (lock.outcome === 'busy') return manifest
    release = lock.release
    const { repairInterrupted } = await import('../../node/apply/repair.ts')
    await repairInterrupted(bundleDir)
  } catch (error) {
    // To serve with what there is beats not to serve; the next apply tries again.
    const { log } = createLog({ node: manifest.node, site: manifest.site })
    log.error(
      { event: 'repair', cause: (error as Error).message },
      'what a killed apply has left can not be put back',
    )
  } finally {
    release()
  }
  return readBundle(dir)
}

async function control(manifest: Manifest, bundle: string): Promise<void> {
  // What matters happens once a month, and then each millisecond counts: V8 forgets the code of what has not run for
  // a while, and would have to compile the withdrawal first.
  setFlagsFromString('--no-flush-bytecode')
  setOwnPriority(niceness)
  const missing = await findMissingPrograms(['ip', 'wg'])
  if (missing.length > 0) {
    throw new CommandError(`missing on this machine: ${describeMissing(missing)}`, {
      hint: `apt-get install ${missing.map((program) => program.package).join(' ')}`,
    })
  }
  requireOwnNode(manifest)
  const { runtimeDir, stateDir } = manifest.paths
  for (const dir of [runtimeDir, stateDir]) await makeDir(dir)
  const unlock = await lockNode(manifest)

  const { log, flush, end } = createLog({ node: manifest.node, site: manifest.site })
  const events = createEventLog({
    dir: stateDir,
    wall: Date.now,
    onProblem: ({ code }) =>
      log.error({ event: 'events', cause: code }, `${stateDir}: events can not be written (${code})`),
  })
  const say = createSay(log, events)
  const metrics = createMetrics()
  metrics.bundle.set({ serial: bundleSerialOf(manifest) }, 1)
  const daemon = await createDaemon(manifest)
  const identity = await requireOwnDaemon(manifest, daemon, log)
  const probes = await createProbes(manifest, log)
  const keeping = await keepState(manifest, say)
  const addresses = new RemovedAddresses({ manifest, runIp })
  const lastResort = new LastResort({ manifest, addresses, say })
  await lastResort.load()
  const ownPeers = new Map(
    manifest.services.map(({ name, wireguard }) => [
      wireguard.interface,
      probes.get(name)!.endpoint.publicKey,
    ]),
  )
  const traffic = new TrafficWatch({ ownPeers, now: () => systemClock.now() })

  const saved =
    manifest.daemon === 'frr'
      ? watchSaved({ saved: createSavedNetworks(manifest), clock: systemClock, say, metrics })
      : null
  const controller = new Controller({
    manifest,
    daemon,
    daemonVersion: identity?.version ?? null,
    probesOf: (service) => probes.get(service.name)!,
    clock: systemClock,
    observer: createObserver(manifest, say, metrics),
    keeping,
    traffic,
    guard: createGuard(manifest, bundle, log),
    lastResort,
    saved,
  })
  const routes = createRoutes(controller, metrics)
  const controlSocket = await openControlSocket(manifest, routes)
  const listener = await openListener(manifest, routes, log)
  const links = watchLinks({
    concerns: {
      interfaces: new Set(manifest.services.map(({ wireguard }) => wireguard.interface)),
      addresses: new Set(manifest.services.flatMap(({ anycast }) => anycast)),
    },
    onChange: (snapshot) => controller.takeLinks(snapshot),
    onError: (error) =>
      log.error({ event: 'links', cause: error.message }, 'the links are not watched just now'),
  })
  // BIRD does by itself what bgpd has to be told.
  const rpki =
    manifest.daemon === 'frr' && manifest.rpki
      ? watchRpki({
          validation: createFrrRpki({ manifest }),
          rules: rpkiRulesOf(manifest.rpki),
          clock: systemClock,
          log,
          metrics,
        })
      : null

  const supervisor = createSupervisor(process.env, log)
  const close = async () => {
    supervisor?.stopping()
    rpki?.stop()
    saved?.stop()
    await links.close()
    controlSocket.close()
    await listener?.close()
    await keeping.close()
    unlock()
  }
  const leave = async (code: number) => {
    await events.end()
    await end()
    process.exit(code)
  }
  const stop = async (signal: string) => {
    say('warn', { event: 'stop', signal }, `told to stop by ${signal}`)
    const settled = await controller.stop(stopTimeoutMs)
    await close()
    const { services } = controller.status()
    const facts = { event: 'stopped', settled, announced: services.flatMap(({ announced }) => announced) }
    if (settled) say('info', facts, 'stopped')
    else say('error', facts, 'stopped, and the daemon did not do what it was told')
    await leave(settled ? exitCode.fine : exitCode.findings)
  }
  /** What is announced stays: whoever starts the controller again, with a new bundle perhaps, has it go on. */
  const giveWay = async () => {
    const message = 'told to give way to a new controller; what is announced stays'
    say('warn', { event: 'give-way', signal: 'SIGHUP' }, message)
    await controller.giveWay()
    await close()
    await leave(exitCode.fine)
  }
  process.once('uncaughtException', (error) => {
    log.fatal({ event: 'crash', err: error }, 'the controller has a bug; what is announced stays as it is')
    flush()
    process.exit(exitCode.failed)
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal))
  process.once('SIGHUP', () => void giveWay())
  const facts = { event: 'start', daemon: manifest.daemon, version: identity?.version ?? null }
  say('info', facts, 'the controller starts')
  controller.start()
  supervise(controller, manifest, supervisor)
}

/** Told to whoever started us, if he wants to know: that we are up, and then that we go on. */
function supervise(controller: Controller, manifest: Manifest, supervisor: Supervisor | null): void {
  if (supervisor === null) return
  const looking = setInterval(() => {
    if (!controller.hasLooked) return
    clearInterval(looking)
    supervisor.ready()
  }, 50)
  if (supervisor.intervalMs === null) return
  setInterval(() => {
    if (controller.living.length === manifest.services.length) supervisor.alive()
  }, supervisor.intervalMs)
}

function createRoutes(controller: Controller, metrics: ReturnType<typeof createMetrics>): Route[] {
  return [
    ...viewRoutes({
      isWorking: () => controller.isVerified,
      status: () => controller.status(),
      metrics: () => {
        measureStatus(controller.status(), metrics)
        return renderMetrics(metrics.registry)
      },
    }),
    orderRoute(async ({ intent, reason, forMs }) => {
      const since = Date.now()
      await controller.setIntent({ intent, reason, since, until: forMs === null ? null : since + forMs })
      await controller.settle(2000)
      return controller.status()
    }),
  ]
}

async function openControlSocket(manifest: Manifest, routes: readonly Route[]): Promise<Server> {
  const path = controlSocketOf(manifest)
  const server = createHttpServer({ routes, access: 'owner' })
  // Orders are for the socket's owner alone, from the moment that the socket exists.
  const umask = process.umask(0o177)
  try {
    await listen(server, path)
  } catch (cause) {
    throw new CommandError(`cannot listen on ${path} (${(cause as NodeJS.ErrnoException).code})`, {
      hint: 'is another program there?',
      cause,
    })
  } finally {
    process.umask(umask)
  }
  return server
}

async function openListener(
  { listen: places }: Manifest,
  routes: readonly Route[],
  log: Log,
): Promise<Listener | null> {
  if (places.length === 0) return null
  const onEnd = (cause: string, retryMs: number) =>
    log.error(
      { event: 'http', cause },
      `the HTTP thread has ended (${cause}); the next start is in ${retryMs} ms`,
    )
  try {
    return await startListener({ places, routes, onEnd })
  } catch (cause) {
    if (!(cause instanceof ListenError)) throw cause
    throw new CommandError(cause.message, {
      hint: 'is another program there? `controller.listen` in fleet.yaml names the address',
      cause,
    })
  }
}

async function makeDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o755 }).catch((cause: NodeJS.ErrnoException) => {
    throw new CommandError(`the folder ${dir} can not be made (${cause.code})`, {
      hint: 'run the controller as root, or make the folder for its user',
      cause,
    })
  })
}
