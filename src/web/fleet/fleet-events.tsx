import { useEffect, useState } from 'preact/hooks'
import type { FleetEvent, FleetEventList } from '../../control/page/page-state.ts'
import { askFleetEvents } from '../follow.ts'
import { Mark, ShowAll } from '../marks.tsx'
import { timeOf } from '../words.ts'
import { describeEvent } from './describe-event.ts'

const fewEvents = 20

/** What has changed at which node. It is asked for when the number of changes is another one. */
export function FleetEvents({ now, changes, isLost }: { now: string; changes: number; isLost: boolean }) {
  const [list, setList] = useState<FleetEventList | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  useEffect(() => {
    let isWanted = true
    if (isLost) return
    askFleetEvents().then(
      (found) => {
        if (!isWanted) return
        setList(found)
        setProblem(null)
      },
      (error: unknown) => isWanted && setProblem(error instanceof Error ? error.message : String(error)),
    )
    return () => {
      isWanted = false
    }
  }, [changes, isLost])
  if (list === null) return problem === null ? null : <p>The changes are not known: {problem}</p>
  return <EventList list={list} now={now} />
}

function EventList({ list: { since, events }, now }: { list: FleetEventList; now: string }) {
  const [site, want] = useState('')
  const [hasAll, setAll] = useState(false)
  const sites = [...new Set(events.map((event) => event.site))].sort()
  // It may be of an event that has left the list.
  const wanted = sites.includes(site) ? site : ''
  const found = events.filter((event) => wanted === '' || event.site === wanted).toReversed()
  const shown = hasAll ? found : found.slice(0, fewEvents)
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">
        Changes at all nodes <small>the newest first, times in UTC; watched since {timeOf(since, now)}</small>
      </h2>
      {sites.length > 1 && (
        <label>
          only at site{' '}
          <select value={wanted} onChange={({ currentTarget }) => want(currentTarget.value)}>
            <option value="">all sites</option>
            {sites.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      {events.length === 0 && <p>None.</p>}
      <ol class="events fleet">
        {shown.map((event, at) => (
          <EventItem key={`${found.length - at}`} event={event} now={now} />
        ))}
      </ol>
      <ShowAll shown={shown.length} all={found.length} onShow={() => setAll(true)} />
      {shown.some(({ clock }) => clock === 'watcher') && (
        <small>
          * by the clock of the machine that serves this page; the other times are by the clocks of their
          nodes
        </small>
      )}
    </section>
  )
}

function EventItem({ event, now }: { event: FleetEvent; now: string }) {
  const { level, text } = describeEvent(event)
  return (
    <li>
      <time dateTime={event.time}>
        {timeOf(event.time, now)}
        {event.clock === 'watcher' && '*'}
      </time>
      <Mark level={level} />
      <span class="event">
        {event.node} at {event.site}
      </span>
      <span class="message">{text}</span>
    </li>
  )
}
