import { useState } from 'preact/hooks'
import type { Configured, RecentEvent } from '../../control/page/page-state.ts'
import type { NodeStatus } from '../../control/status.ts'
import { Facts, Scroll, ShowAll } from '../marks.tsx'
import { lasting, timeOf } from '../words.ts'

export function Neighbors({ status, configured }: { status: NodeStatus; configured: Configured | null }) {
  const hasBfd = status.neighbors.some(({ bfd }) => bfd !== null)
  return (
    <section aria-labelledby="neighbors">
      <h2 id="neighbors">Neighbors</h2>
      <Scroll label="neighbors">
        <table>
          <thead>
            <tr>
              <th scope="col">neighbor</th>
              <th scope="col">BGP</th>
              {hasBfd && <th scope="col">BFD</th>}
              <th scope="col">kind</th>
              <th scope="col">AS</th>
              <th scope="col">address</th>
            </tr>
          </thead>
          <tbody>
            {status.neighbors.map(({ name, address, session, bfd }) => {
              const known = configured?.neighbors.find((one) => one.name === name)
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>
                    <State state={session} />
                  </td>
                  {hasBfd && <td>{bfd === null ? 'without' : <State state={bfd.state} />}</td>}
                  <td>{known?.kind}</td>
                  <td>{known?.asn}</td>
                  <td>{address}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}

function State({ state }: { state: 'up' | 'down' | 'missing' | 'unknown' }) {
  if (state === 'up') return <span class="ok">✔ up</span>
  if (state === 'unknown') return <span>? unknown</span>
  return <strong class="bad">✖ {state}</strong>
}

/** Guard, store, roster, maintenance: a line each. */
export function NodeFacts({ status }: { status: NodeStatus }) {
  const { daemon, guard, store, rescue, maintenance, operator, time, node: self } = status
  const facts: [string, string][] = [
    [
      'routing daemon',
      `${daemon.kind} ${daemon.version ?? ''}, ${daemon.verified ? 'as decided' : 'NOT as decided'}`,
    ],
    [
      'guard',
      guard === null
        ? 'none: deadMan is keep'
        : guard.holding
          ? 'has a deadline'
          : `NOT holding: ${guard.problem ?? 'it does not answer'}`,
    ],
  ]
  if (operator.source !== null) {
    const until = operator.until === null ? '' : ` until ${timeOf(operator.until, time)}`
    facts.push([
      'order',
      `${operator.intent}, by the ${operator.source}${operator.by === null ? '' : ` ${operator.by}`}${until}${operator.reason ? ` (${operator.reason})` : ''}`,
    ])
  }
  const { active, next } = maintenance
  if (active) facts.push(['maintenance now', `until ${timeOf(active.until, time)} (${active.reason})`])
  if (next)
    facts.push([
      'next maintenance',
      `${timeOf(next.start, time)} to ${timeOf(next.until, time)} (${next.reason})`,
    ])
  if (store !== null) {
    const words =
      store.ok === null ? 'has not answered yet' : store.ok ? 'answers' : `does NOT answer: ${store.problem}`
    facts.push(['store', `${words}, since ${timeOf(store.since, time)}`])
  }
  if (rescue !== null) {
    const own = rescue.nodes.find(({ node }) => node === self)?.entries ?? 0
    const streams = rescue.nodes.filter(({ up }) => up !== null)
    facts.push([
      'roster',
      `${rescue.entries} clients known, ${own} served here; streams of ${streams.filter(({ up }) => up).length} of ${streams.length} nodes`,
    ])
    const skews = rescue.nodes.flatMap(({ node, skewMs }) =>
      skewMs === null || node === self ? [] : [Math.abs(skewMs)],
    )
    if (skews.length > 0)
      facts.push(['clock', `at most ${lasting(Math.max(...skews))} apart from other nodes`])
    if (rescue.strays)
      facts.push([
        'stray packets',
        `${rescue.strays.packets} seen, ${rescue.strays.endpoints} endpoints watched`,
      ])
  }
  return (
    <section aria-labelledby="node">
      <h2 id="node">Node</h2>
      <Facts facts={facts} />
    </section>
  )
}

const levels = { info: '·', warn: '▲', error: '✖', fatal: '✖' } as const

const fewEvents = 30

export function Timeline({ events, now }: { events: readonly RecentEvent[]; now: string }) {
  const [hasAll, setAll] = useState(false)
  const shown = events.toReversed().slice(0, hasAll ? events.length : fewEvents)
  return (
    <section aria-labelledby="events">
      <h2 id="events">
        Events{' '}
        <small>
          the newest first, times in UTC; <code>anyward events</code> has the older ones
        </small>
      </h2>
      {events.length === 0 && <p>None since the start of the controller.</p>}
      <ol class="events">
        {shown.map(({ time, level, event, service, message }, at) => (
          <li key={`${events.length - at} ${time}`} class={level}>
            <time dateTime={time}>{timeOf(time, now)}</time>
            <span class="level" aria-hidden="true">
              {levels[level]}
            </span>
            <span class="event">
              {level === 'info' ? '' : `${level}, `}
              {event}
            </span>
            <span class="message">
              {service !== null && !message.startsWith(`${service}:`) && `${service}: `}
              {message}
            </span>
          </li>
        ))}
      </ol>
      <ShowAll shown={shown.length} all={events.length} onShow={() => setAll(true)} />
    </section>
  )
}
