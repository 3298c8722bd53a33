import { existsSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { serialOf } from '../../bundle/pinned.ts'
import { digestOf, loadBundle, manifestName } from '../../bundle/read.ts'
import { systemClock } from '../../clock/clock.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { runIp } from '../../linux/ip.ts'
import { runIpBatch } from '../../linux/ip-batch.ts'
import { watchLinks } from '../../linux/link-watch.ts'
import { describeMissing, findMissingPrograms } from '../../linux/programs.ts'
import { raisedNiceness, setOwnPriority } from '../../linux/scheduling-priority.ts'
import { showWg } from '../../linux/wg.ts'
import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { createEventLog } from '../../telemetry/events.ts'
import { createLog } from '../../telemetry/log.ts'
import { createMetrics } from '../../telemetry/metrics.ts'
import { createSay } from '../../telemetry/say.ts'
import { OperationError } from '../../text/operation-error.ts'
import { journalPath, lockApply } from '../apply/lock.ts'
import { Controller } from '../controller/controller.ts'
import type { ControllerObserver } from '../controller/parts.ts'
import { createObserver } from '../controller/report-events.ts'
import { watchBfd } from '../controller/watch/bfd-watch.ts'
import { rpkiRulesOf, watchRpki } from '../controller/watch/rpki-watch.ts'
import { watchSaved } from '../controller/watch/saved-watch.ts'
import { createSupervisor, type Supervisor } from '../guard/notify.ts'
import { FencedDaemon } from '../rescue/fence/fenced-daemon.ts'
import { SourceKeeper } from '../rescue/source/source-route.ts'
import type { OriginValidation, SavedNetworks } from '../routing/daemon.ts'
import { createFrrRpki } from '../routing/frr/rpki.ts'
import { createSavedNetworks } from '../routing/frr/saved-networks.ts'
import { TrafficWatch } from '../wireguard/traffic.ts'
import { LastResort } from '../withdraw/last-resort.ts'
import { RemovedAddresses } from '../withdraw/removed-addresses.ts'
import { createBfd, createCounts, createDaemon } from './create-daemon.ts'
import { createFence } from './create-fence.ts'
import { createGuard, type ThisProgram } from './create-guard.ts'
import { createProbes } from './create-probes.ts'
import { describeSelf } from './describe-self.ts'
import { exitOnCrash } from './exit-on-crash.ts'
import { fleetRoutes } from './fleet-routes.ts'
import { joinFleet } from './join-fleet.ts'
import { keepState } from './keep-state.ts'
import { createMeasure } from './measure-node.ts'
import { WireguardMeasure } from './measure-wireguard.ts'
import { lockNode, requireOwnDaemon, requireOwnNode } from './node-identity.ts'
import { createRoutes, openControlSocket, openListener } from './open-control.ts'
import { PageData } from './page-data.ts'
import { reportAccess } from './report-access.ts'
import { rescueSessions, type SessionRescue, withStrays } from './rescue-sessions.ts'
import { bundleSerialOf } from './serials.ts'
import { shareRoster } from './share-roster.ts'

/** The controller ends within 2 s of SIGTERM, whatever the daemon does. */
const stopTimeoutMs = 1700
const endTimeoutMs = 250

type Create<T> = (options: { readonly manifest: Manifest }) => T

/** `null`: the daemon saves no announcements in its files. */
const savedNetworks: Readonly<Record<DaemonKind, Create<SavedNetworks> | null>> = {
  bird: null,
  frr: ({ manifest }) => createSavedNetworks(manifest),
}

/** `null`: the daemon re-evaluates its routes by itself when VRPs change. */
const validations: Readonly<Record<DaemonKind, Create<OriginValidation> | null>> = {
  bird: null,
  frr: createFrrRpki,
}

/** Why a controller ended. `unsettled`: the daemon has not withdrawn what it was ordered to withdraw. */
type Ending = 'settled' | 'unsettled' | 'gave-way'

/** Runs the controller of a node until SIGTERM, SIGINT or SIGHUP. Throws OperationError if it cannot start. */
export async function runController(bundle: string, program: ThisProgram): Promise<Ending> {
  return control(await readWholeBundle(bundle), bundle, program)
}

/** An `apply` that was killed, by a power failure for example, may have left the bundle ahead of the daemon. */
async function readWholeBundle(dir: string): Promise<Running> {
  const running = await readRunning(dir)
  const { manifest } = running
  const { bundleDir } = manifest.paths
  if (bundleDir === undefined || !existsSync(journalPath(bundleDir))) return running
  let release = () => {}
  try {
    const lock = await lockApply(bundleDir)
    // An apply that runs completes or reverts its own changes.
    if (lock.outcome === 'busy') return running
    release = lock.release
    const { repairInterrupted } = await import('../apply/repair.ts')
    await repairInterrupted(bundleDir)
  } catch (error) {
    // Serving with the present files is better than not serving; the next apply tries again.
    const { log } = await createLog({ node: manifest.node, site: manifest.site })
    log.error(
      { event: 'repair', cause: (error as Error).message },
      'the changes of an interrupted apply cannot be reverted',
    )
  } finally {
    release()
  }
  return readRunning(dir)
}

interface Running {
  readonly manifest: Manifest
  /** SHA-256 of the manifest. */
  readonly digest: string
  readonly serial: number | null
}

/** Without the files of the daemon, which may be large: the controller runs for months. */
async function readRunning(dir: string): Promise<Running> {
  const bundle = await loadBundle(dir)
  const { manifest, files, statement } = bundle
  return { manifest, digest: digestOf(bundle), serial: serialOf(statement, files.get(manifestName)!) }
}

async function control(
  { manifest, digest, serial }: Running,
  bundle: string,
  program: ThisProgram,
): Promise<Ending> {
  // V8 discards the bytecode of functions that have not run for a while. A withdrawal is rare and urgent: it must not
  // wait for compilation.
  setFlagsFromString('--no-flush-bytecode')
  setOwnPriority(raisedNiceness)
  const missing = await findMissingPrograms(['ip', 'wg'])
  if (missing.length > 0) {
    throw new OperationError(`missing on this machine: ${describeMissing(missing)}`, {
      hint: `apt-get install ${missing.map((program) => program.package).join(' ')}`,
    })
  }
  requireOwnNode(manifest)
  const { runtimeDir, stateDir } = manifest.paths
  for (const dir of [runtimeDir, stateDir]) await makeDir(dir)
  const unlock = await lockNode(manifest)

  const { log, flush, end } = await createLog({ node: manifest.node, site: manifest.site })
  const page = new PageData(systemClock)
  await page.restore(stateDir)
  const events = createEventLog({
    dir: stateDir,
    clock: systemClock,
    onEvent: (event) => page.takeEvent(event),
    onProblem: ({ code }) =>
      log.error({ event: 'events', cause: code }, `${stateDir}: cannot write events (${code})`),
  })
  const say = createSay(log, events)
  const metrics = createMetrics()
  metrics.bundle.set({ serial: serial ?? bundleSerialOf(manifest), digest }, 1)
  const fence = createFence(say)
  const daemon = new FencedDaemon(await createDaemon(manifest), fence, manifest)
  const identity = await requireOwnDaemon(manifest, daemon, log)
  const probes = await createProbes(manifest, log)
  const store = await keepState(manifest, say)
  const addresses = new RemovedAddresses({ manifest, runIp })
  const lastResort = new LastResort({ manifest, addresses, say })
  await lastResort.load()
  const ownPeers = new Map(
    manifest.services.map(({ name, wireguard }) => [
      wireguard.interface,
      probes.get(name)!.endpoint.publicKey,
    ]),
  )
  const traffic = new TrafficWatch({
    ownPeers,
    clock: systemClock,
    readTransfer: (name, timeoutMs) => showWg(name, 'transfer', { timeoutMs }),
    readAllowedIps:
      manifest.remote === null ? undefined : (name, timeoutMs) => showWg(name, 'allowed-ips', { timeoutMs }),
  })

  const createSaved = savedNetworks[manifest.daemon]
  const saved =
    createSaved === null
      ? null
      : watchSaved({ saved: createSaved({ manifest }), clock: systemClock, say, metrics })
  const bfdSessions = await createBfd(manifest)
  const bfd =
    bfdSessions === null
      ? null
      : watchBfd({ sessions: bfdSessions, manifest, clock: systemClock, say, metrics })
  const membership = await joinFleet(manifest, systemClock, say)
  const wireguard = new WireguardMeasure({ manifest, clock: systemClock, metrics })
  const onCounts: WireguardMeasure['take'] = (name, counts) => wireguard.take(name, counts)
  const rescue = await shareRoster(manifest, ownPeers, systemClock, { say, metrics, onCounts })
  const counts = await createCounts(manifest)
  const sessions =
    rescue.shared === null ? null : rescueSessions(manifest, { ...rescue.shared, fence, say, metrics })
  const access = reportAccess(manifest, { say, metrics })
  const isIdle = () => controller.isVerified
  const source = new SourceKeeper({ manifest, isIdle, run: runIpBatch, clock: systemClock, say, metrics })
  const controller: Controller = new Controller({
    manifest,
    bundle: digest,
    serial,
    daemon,
    daemonVersion: identity?.version ?? null,
    probesOf: ({ name }) => {
      const { endpoint, side } = probes.get(name)!
      return { endpoint, side: [...side, source.probeOf(name)] }
    },
    clock: systemClock,
    observer: page.watch(withObserved(createObserver(manifest, say, metrics, systemClock), sessions, source)),
    store,
    traffic,
    guard: createGuard(manifest, bundle, program, log),
    lastResort,
    saved,
    bfd,
    fence,
    fleet: membership,
    access: () => access.status(),
    rescue: { status: () => withStrays(rescue.status(), sessions) },
  })
  bfd?.start((neighbor) => controller.isSessionUp(neighbor))
  const remote = await describeSelf(manifest, membership, () => controller.status(), { say, metrics })
  const ofFleet = membership === null ? [] : fleetRoutes(manifest, membership, say)
  const ofPage = page.routes(manifest, () => controller.status())
  const measure = createMeasure({ manifest, membership, wireguard, counts, clock: systemClock, metrics })
  const routes = createRoutes(controller, metrics, [...ofFleet, ...ofPage], measure)
  const controlSocket = await openControlSocket(manifest, routes)
  const listener = await openListener(manifest, routes, { log, ...access })
  page.onChange = () => listener?.changed()
  const links = watchLinks({
    concerns: {
      interfaces: new Set(manifest.services.map(({ wireguard }) => wireguard.interface)),
      addresses: new Set(manifest.services.flatMap(({ anycast }) => anycast)),
    },
    onChange: (snapshot) => {
      controller.takeLinks(snapshot)
      source.takeLinks(snapshot)
    },
    onEvent: () => source.rouse(),
    onError: (error) =>
      log.error({ event: 'links', cause: error.message }, 'links are not watched at the moment'),
  })
  const createValidation = validations[manifest.daemon]
  const rpki =
    createValidation !== null && manifest.rpki
      ? watchRpki({
          validation: createValidation({ manifest }),
          rules: rpkiRulesOf(manifest.rpki),
          clock: systemClock,
          log,
          metrics,
        })
      : null
  if (rpki === null) metrics.rpkiCacheUp.remove()

  const supervisor = createSupervisor(process.env, log)
  const close = async () => {
    supervisor?.stopping()
    rpki?.stop()
    saved?.stop()
    bfd?.stop()
    counts.close()
    await source.stop()
    await remote?.close()
    await links.close()
    controlSocket.close()
    await listener?.close()
    await sessions?.close()
    await rescue.shared?.close()
    await membership?.close()
    await store.close()
    unlock()
  }
  const leave = async () => {
    await events.end()
    await end()
  }
  const stop = async (signal: string): Promise<Ending> => {
    say('warn', { event: 'stop', signal }, `stopping on ${signal}`)
    const settled = await controller.stop(stopTimeoutMs)
    const { services } = controller.status()
    await close()
    // What a service that stays announced needs, stays.
    const ended = services.flatMap(({ name, announced }) => (announced.length === 0 ? [name] : []))
    await source.remove(ended, endTimeoutMs)
    const facts = { event: 'stopped', settled, announced: services.flatMap(({ announced }) => announced) }
    if (settled) say('info', facts, 'stopped')
    else say('error', facts, 'stopped, but the daemon did not withdraw everything')
    await leave()
    return settled ? 'settled' : 'unsettled'
  }
  let isStopping = false
  let hasGivenWay = false
  /** What is announced stays: the next controller, perhaps with a new bundle, takes over. */
  const giveWay = async (): Promise<Ending | null> => {
    const message = 'giving way to a new controller on SIGHUP; announcements stay'
    say('warn', { event: 'give-way', signal: 'SIGHUP' }, message)
    if (!(await controller.giveWay())) return null
    hasGivenWay = true
    await close()
    await leave()
    // It was to stop after all, too late for a withdrawal of its own: the supervisor withdraws.
    return isStopping ? 'unsettled' : 'gave-way'
  }
  exitOnCrash((error) => {
    log.fatal(
      { event: 'crash', err: error },
      'internal error in the controller; announcements stay as they are',
    )
    flush()
  })
  const ending = new Promise<Ending>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        if (isStopping) return
        isStopping = true
        if (!hasGivenWay) void stop(signal).then(resolve)
      })
    }
    // A controller that stops does not give way any more: its withdrawal has to be carried out. Any number of these may come.
    let isGivingWay = false
    process.on('SIGHUP', () => {
      if (isStopping || isGivingWay) return
      isGivingWay = true
      void giveWay().then((ending) => ending !== null && resolve(ending))
    })
  })
  const facts = { event: 'start', daemon: manifest.daemon, version: identity?.version ?? null }
  say('info', facts, 'the controller starts')
  source.start()
  controller.start()
  supervise(controller, manifest, supervisor)
  return ending
}

/** The rescue comes first: other sites wait for what it says to them. */
function withObserved(
  observer: ControllerObserver,
  sessions: SessionRescue | null,
  source: SourceKeeper,
): ControllerObserver {
  return {
    ...observer,
    observed(observation) {
      sessions?.observed(observation)
      source.takeSessions(observation.neighbors)
      observer.observed(observation)
    },
  }
}

/** Reports to the supervisor, systemd for example, that the controller is ready, and then that it is alive. */
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

async function makeDir(dir: string): Promise<void> {
  await makeFolder(dir, 0o755).catch((cause: NodeJS.ErrnoException) => {
    throw new OperationError(`cannot create the folder ${dir} (${cause.code})`, {
      hint: 'run the controller as root, or create the folder for its user',
      cause,
    })
  })
}
