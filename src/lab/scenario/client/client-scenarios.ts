import { setTimeout as delay } from 'node:timers/promises'
import { setDown } from '../faults/endpoint.ts'
import { leaveGhost } from '../faults/ghost.ts'
import { withdrawNode } from '../faults/orders.ts'
import { moveRoute } from '../faults/paths.ts'
import type { Scenario } from '../scenario.ts'

/** They are about the client: a machine that is too busy for the routes' own bounds still shows what becomes of it. */
const eventBound = () => ({ limitMs: 2000, goalMs: null })
/** Includes the start of the command line. */
const orderBound = () => ({ limitMs: 15_000, goalMs: null })

const plain = { behind: 'nothing', sends: true } as const

/** The node says that it has withdrawn, so others take its client over. */
const reported = {
  expects: 'withdrawn',
  detectedBy: 'controller',
  affects: 'service',
  needs: 'rescue',
  clientReturns: 'elsewhere',
  serves: false,
  boundOf: eventBound,
  prepare: setDown,
} as const

/** What a client notices when it reaches another site. */
export const clientScenarios: readonly Scenario[] = [
  {
    ...reported,
    name: 'site-change-told',
    summary: 'a site is dead and says so, and another one takes its client over',
    client: plain,
  },
  {
    name: 'site-change-silent',
    summary: 'an upstream moves the route to a site that does not know the client',
    expects: 'kept',
    detectedBy: 'neighbor',
    affects: 'service',
    needs: 'rescue',
    clientReturns: 'there-and-back',
    serves: true,
    boundOf: () => ({ limitMs: 0, goalMs: null }),
    prepare: awayFor(2000, moveRoute),
    client: plain,
  },
  {
    name: 'flap-back',
    summary: 'a site is withdrawn, and announces again 5 s after its client is at another one',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'node',
    needs: 'rescue',
    clientReturns: 'there-and-back',
    serves: true,
    boundOf: orderBound,
    prepare: awayFor(5000, withdrawNode),
    client: plain,
  },
  {
    ...reported,
    name: 'idle-client',
    summary: 'a site is dead and says so; its client only receives, without keepalives',
    client: { behind: 'nothing', sends: false },
  },
  {
    ...reported,
    name: 'nat-client',
    summary: 'a site is dead and says so; its client is behind a NAT',
    client: { behind: 'nat', sends: true },
  },
  {
    name: 'ghost',
    summary: 'a withdrawn site whose WireGuard runs begins handshakes with its client',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'node',
    // The fence is always there.
    needs: null,
    clientReturns: 'elsewhere',
    serves: true,
    boundOf: orderBound,
    prepare: leaveGhost,
    client: plain,
  },
]

/** The client is served by the other site for so long before the repair: handshakes are distinguished by their seconds. */
function awayFor(ms: number, prepare: Scenario['prepare']): Scenario['prepare'] {
  return async (stage) => ({
    ...(await prepare(stage)),
    async whileAway(signal) {
      await delay(ms, undefined, { signal })
      return { problem: null, detail: '' }
    },
  })
}
