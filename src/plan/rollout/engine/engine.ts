import type { ChangeResult, RolloutTransport, Target } from '../../../change/transport.ts'
import { type Clock, systemClock } from '../../../clock/clock.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { advance, type NodeTimes, type Step } from '../advance.ts'
import { stampTimes } from '../describe-status.ts'
import { findEvents, type RolloutEvent } from '../events.ts'
import { type NodeFacts, nodesOf, type Rollout } from '../rollout.ts'
import { Looks } from './looks.ts'
import type { RolloutFiles } from './rollout-files.ts'

const pollMs = 500

/** A bundle that a node gets. */
interface Bundle {
  readonly digest: string
  readonly manifest: Manifest
  readonly dir: string
}

export interface Drive {
  readonly rollout: Rollout
  readonly files: RolloutFiles
  readonly transport: RolloutTransport
  /** Of all nodes of the fleet. */
  readonly facts: readonly NodeFacts[]
  readonly targets: ReadonlyMap<string, Target>
  readonly minSites: ReadonlyMap<string, number>
  readonly bundles: (node: string) => { readonly target: Bundle; readonly former: Bundle }
  readonly onEvent: (event: RolloutEvent) => void
  readonly onState: (rollout: Rollout) => void
  /** Ends the engine, and leaves the rollout as it is: another engine continues it. */
  readonly signal: AbortSignal
  readonly clock?: Clock
}

/**
 * Drives a rollout until it is paused or over, and returns its state. The caller holds the lock. Every state is on the disk
 * before it is acted on, so that it survives a kill at any point. Throws the system's error where that fails.
 */
export async function driveRollout(drive: Drive): Promise<Rollout> {
  const { files, signal, clock = systemClock } = drive
  const looks = new Looks(drive.transport, drive.targets, clock)
  const busy = new Map<string, Promise<void>>()
  const ended = new Map<string, ChangeResult>()
  let wake = () => {}
  let times: ReadonlyMap<string, NodeTimes> = new Map()
  let rollout = drive.rollout
  const report = async (events: readonly Omit<RolloutEvent, 'time'>[]) => {
    const timed = events.map((event) => ({ time: new Date(clock.wall()).toISOString(), ...event }))
    for (const event of timed) drive.onEvent(event)
    await files.append(rollout.id, timed)
  }
  const begin = ({ node, to }: Step['starts'][number]) => {
    looks.forget(node)
    const work = change(drive, rollout, node, to, (message) =>
      report([{ event: 'step', node, message: `${node}: ${message}` }]),
    ).then((result) => {
      looks.forget(node)
      busy.delete(node)
      ended.set(node, result)
      wake()
    })
    busy.set(node, work)
  }
  signal.addEventListener('abort', () => wake(), { once: true })
  drive.onState(rollout)
  while (rollout.state === 'running' && !signal.aborted) {
    const request = await files.readRequest()
    const results = new Map(ended)
    const step = advance(rollout, times, {
      now: clock.now(),
      facts: drive.facts,
      minSites: drive.minSites,
      seen: looks.seen,
      busy: new Set(busy.keys()),
      ended: results,
      request,
    })
    if (JSON.stringify(step.rollout) !== JSON.stringify(rollout)) {
      const next = stampTimes(rollout, step.rollout, new Date(clock.wall()).toISOString())
      await files.save(next)
      const events = findEvents(rollout, next)
      rollout = next
      drive.onState(rollout)
      await report(events)
    }
    for (const node of results.keys()) ended.delete(node)
    times = step.times
    if (request !== null) await files.removeRequest()
    for (const start of step.starts) begin(start)
    if (rollout.state !== 'running') break
    looks.begin(whatToLookAt(rollout, busy))
    if (ended.size > 0) continue
    await clock.sleep(pollMs, (waker) => {
      wake = waker
    })
  }
  return rollout
}

/** Milliseconds: how old a look at a node may be. */
const ages = { watched: 1000, other: 10_000 } as const

function whatToLookAt(rollout: Rollout, busy: ReadonlyMap<string, unknown>): (node: string) => number | null {
  const states = new Map(nodesOf(rollout).map(({ node, state }) => [node, state]))
  return (node) => {
    if (busy.has(node)) return null
    const state = states.get(node)
    return state === 'changed' || state === 'reverted' ? ages.watched : ages.other
  }
}

async function change(
  drive: Drive,
  rollout: Rollout,
  node: string,
  to: 'target' | 'former',
  reportStep: (step: string) => Promise<void>,
): Promise<ChangeResult> {
  const { target, former } = drive.bundles(node)
  const bundle = to === 'target' ? target : former
  const facts = drive.facts.find((one) => one.node === node)
  const steps: Promise<void>[] = []
  const result = await drive.transport.change(drive.targets.get(node)!, {
    ...bundle,
    drain:
      facts?.change?.restarts !== true || !drive.facts.some((one) => isAnother(one, facts))
        ? 'no'
        : to === 'target'
          ? 'must'
          : 'try',
    rollout: rollout.id,
    onStep: (step) => void steps.push(reportStep(step).catch(() => {})),
  })
  await Promise.all(steps)
  return result
}

/** Whether another node has a service in common: a drain of the only one would be an outage, and a longer one. */
function isAnother(one: NodeFacts, own: NodeFacts): boolean {
  return one.node !== own.node && one.services.some((service) => own.services.includes(service))
}
