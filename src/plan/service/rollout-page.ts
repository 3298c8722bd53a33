import { hostname } from 'node:os'
import { endpoints } from '../../control/endpoints.ts'
import type { RolloutAnswer } from '../../control/rollout-status.ts'
import { jsonReply, type Reply, type Route } from '../../control/route.ts'
import type { Log } from '../../telemetry/log.ts'
import { describeForPage } from '../rollout/describe-status.ts'
import { RolloutFiles } from '../rollout/engine/rollout-files.ts'
import type { RolloutEvent } from '../rollout/events.ts'
import { isOver } from '../rollout/rollout.ts'
import { operateRollout, type RolloutPlace } from './rollout/rollout-service.ts'

export interface RolloutPage {
  readonly routes: readonly Route[]
  /** Ends what this process drives; the rollout stays as it is. */
  readonly close: () => Promise<void>
}

/** What the planner shows of the rollout in its folder, and the orders of those who have a token. */
export function openRolloutPage(place: RolloutPlace, takesOrders: () => boolean, log: Log): RolloutPage {
  const files = new RolloutFiles(place.out)
  const ending = new AbortController()
  let work: Promise<void> | null = null

  const read = async (): Promise<RolloutAnswer> => {
    const orders = takesOrders()
    try {
      const rollout = await files.load()
      if (rollout === null) return { rollout: null, isDriven: null, problem: null, orders }
      return { rollout: describeForPage(rollout), isDriven: await files.isDriven(), problem: null, orders }
    } catch (error) {
      return { rollout: null, isDriven: null, problem: messageOf(error), orders }
    }
  }

  const abort = (by: string) => {
    const reporter = {
      onEvent: ({ wave, node, state, message }: RolloutEvent) =>
        log.info({ event: 'rollout', wave, node, state }, message),
      onState: () => {},
      signal: ending.signal,
    }
    work = operateRollout(place, 'abort', reporter, { by }).then(
      ({ state, reason }) => log.info({ event: 'rollout', state, reason }, `the rollout is ${state}`),
      (error: unknown) =>
        log.error(
          { event: 'rollout', cause: messageOf(error) },
          `the rollout is not aborted: ${messageOf(error)}`,
        ),
    )
    void work.finally(() => {
      work = null
    })
  }

  const order = async (body: unknown, name: string): Promise<Reply> => {
    const { kind, id } = (body ?? {}) as Readonly<Record<string, unknown>>
    if (kind !== 'pause' && kind !== 'abort') return jsonReply(400, { error: 'an order is pause or abort' })
    const rollout = await files.load()
    if (rollout === null || isOver(rollout) || rollout.id !== id)
      return jsonReply(409, { error: 'this rollout is over, or another one has begun: load the page again' })
    const by = `${name}, on the page of ${hostname()}`
    const isDriven = work !== null || (await files.isDriven())
    if (!isDriven && kind === 'pause')
      return jsonReply(409, {
        error: 'no command drives this rollout: nothing is begun that could be paused',
      })
    log.warn({ event: 'rollout-order', kind, rollout: rollout.id, by: name }, `${name} orders: ${kind}`)
    if (isDriven) await files.ask({ kind, by })
    else abort(by)
    return jsonReply(202, { ordered: kind })
  }

  return {
    routes: [
      { ...endpoints.rollout, answer: async () => jsonReply(200, await read()) },
      {
        ...endpoints.rolloutOrder,
        answer: (body, by) =>
          order(body, by ?? 'the owner').catch((error: unknown) =>
            jsonReply(500, { error: messageOf(error) }),
          ),
      },
    ],
    close: async () => {
      ending.abort()
      await work
    },
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
