import { useEffect, useState } from 'preact/hooks'
import type { FleetStatus } from '../../control/fleet-status.ts'
import type { Configured } from '../../control/page/page-state.ts'
import type { NodeStatus } from '../../control/status.ts'
import { Confirm } from '../confirm.tsx'
import { askFleet } from '../follow.ts'
import { order } from '../http.ts'
import { Code, Mark } from '../marks.tsx'
import { forgetToken, keptToken } from '../token.ts'
import { consequencesOfDrain, consequencesOfUndrain, progressOf } from './order-words.ts'

interface Props {
  status: NodeStatus
  configured: Configured | null
}

/** Orders for this node, where it takes them with a token; else how to give them. */
export function Orders({ status, configured }: Props) {
  const [asked, setAsked] = useState<'drain' | 'serve' | null>(null)
  const [, redraw] = useState(0)
  const { access, operator, node } = status
  const isDrained = operator.intent !== 'serve'
  const words = isDrained
    ? 'To serve again: `anyward undrain` on the node'
    : 'To take it out of service: `anyward drain` on the node'
  return (
    <section class="orders" aria-label="orders">
      {access?.orders ? (
        <>
          <button type="button" onClick={() => setAsked(isDrained ? 'serve' : 'drain')}>
            {isDrained ? 'Undrain' : 'Drain'} {node}…
          </button>
          {keptToken() !== null && (
            <button
              type="button"
              onClick={() => {
                forgetToken()
                redraw((count) => count + 1)
              }}
            >
              Forget the token
            </button>
          )}
        </>
      ) : (
        <p>
          <Code text={words} />. This page is read-only
          {access === null ? '' : `: ${access.problem ?? 'there is no token'}`}.
        </p>
      )}
      {asked !== null && (
        <OrderDialog intent={asked} {...{ status, configured }} onClose={() => setAsked(null)} />
      )}
    </section>
  )
}

const durations = [
  ['until undrained', null],
  ['30 minutes', 1_800_000],
  ['2 hours', 7_200_000],
  ['8 hours', 28_800_000],
  ['24 hours', 86_400_000],
] as const

function OrderDialog({
  intent,
  status,
  configured,
  onClose,
}: Props & { intent: 'drain' | 'serve'; onClose: () => void }) {
  const isDrain = intent === 'drain'
  const { node, store, time } = status
  const [reason, setReason] = useState('')
  const [forMs, setFor] = useState<number | null>(null)
  const [fleet, setFleet] = useState<FleetStatus | null>(null)
  const hasStore = store !== null
  useEffect(() => {
    // What others announce decides about the permit.
    if (hasStore && isDrain) askFleet().then(setFleet, () => setFleet(null))
  }, [time, hasStore, isDrain])
  const consequences = isDrain
    ? consequencesOfDrain(status, fleet, configured)
    : consequencesOfUndrain(status, configured)
  const { isDone, lines } = progressOf(status, intent)
  return (
    <Confirm
      title={isDrain ? `Drain ${node}?` : `Let ${node} serve again?`}
      action={isDrain ? `Drain ${node}` : `Undrain ${node}`}
      send={() => order('/order', { intent, reason: reason.trim() || null, forMs })}
      onClose={onClose}
      progress={
        <>
          <p>
            {isDone && <Mark level="ok" />}{' '}
            {isDone ? 'Done.' : 'Ordered. This goes on when this window is closed.'}
          </p>
          <ul>
            {lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </>
      }
    >
      <ul class="plain">
        {consequences.map(({ service, level, text }) => (
          <li key={service}>
            {level !== 'planned' && <Mark level={level} />} <strong>{service}</strong>: {text}.
          </li>
        ))}
      </ul>
      {isDrain && (
        <label>
          For{' '}
          <select onChange={({ currentTarget }) => setFor(durations[currentTarget.selectedIndex]![1])}>
            {durations.map(([text]) => (
              <option key={text}>{text}</option>
            ))}
          </select>
        </label>
      )}
      <label>
        Reason, for the log{' '}
        <input
          maxLength={500}
          value={reason}
          onInput={({ currentTarget }) => setReason(currentTarget.value)}
        />
      </label>
    </Confirm>
  )
}
