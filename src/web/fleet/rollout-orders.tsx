import { useState } from 'preact/hooks'
import type { RolloutStatus } from '../../control/rollout-status.ts'
import { Confirm } from '../confirm.tsx'
import { order } from '../http.ts'

const orders = {
  pause: {
    title: 'Pause the rollout?',
    action: 'Pause',
    effect: 'It begins no further node. Nodes that change now are changed completely.',
  },
  abort: {
    title: 'Abort the rollout?',
    action: 'Abort and undo the wave',
    effect:
      'The nodes of the current wave get their former bundles back, and the rollout ends. Complete waves keep their new bundles.',
  },
} as const

/** At the planner, for those who have a token. */
export function RolloutOrders({ rollout, isDriven }: { rollout: RolloutStatus; isDriven: boolean | null }) {
  const [kind, setKind] = useState<keyof typeof orders | null>(null)
  const { id, state, sentence } = rollout
  const kinds = [
    ...(state === 'running' && isDriven === true ? (['pause'] as const) : []),
    ...(state === 'running' || state === 'paused' ? (['abort'] as const) : []),
  ]
  return (
    <div class="buttons">
      {kinds.map((one) => (
        <button key={one} type="button" onClick={() => setKind(one)}>
          {orders[one].title.slice(0, -1)}…
        </button>
      ))}
      {kind !== null && (
        <Confirm
          title={orders[kind].title}
          action={orders[kind].action}
          send={() => order('/rollout/order', { kind, id })}
          progress={<p>Ordered. Now: {sentence}.</p>}
          onClose={() => setKind(null)}
        >
          <p>{orders[kind].effect}</p>
        </Confirm>
      )}
    </div>
  )
}
