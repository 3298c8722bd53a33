import { useEffect, useState } from 'preact/hooks'
import type { FleetStatus } from '../../control/fleet-status.ts'
import { follow, ofFleet, type Sink } from '../follow.ts'
import { Closed, Mark, markOf, Scroll, ShowAll } from '../marks.tsx'
import { TokenForm } from '../token-form.tsx'
import { lasting, timeOf } from '../words.ts'
import { FleetEvents } from './fleet-events.tsx'
import { type FleetRow, judgeFleet } from './fleet-verdict.ts'
import { Rollout } from './rollout.tsx'
import { Takeovers } from './takeovers.tsx'

/** More rows at once are of no use to a person. */
const mostRows = 100

/** All nodes, by what they last said to the store. */
export function Fleet() {
  const [fleet, setFleet] = useState<FleetStatus | null>(null)
  const [lost, setLost] = useState<{ why: string; needsToken: boolean } | null>(null)
  useEffect(() => {
    const ending = new AbortController()
    const sink: Sink<FleetStatus> = {
      state(state) {
        setFleet(state)
        setLost(null)
      },
      lost: (why, needsToken) => setLost({ why, needsToken }),
    }
    void follow(ofFleet, sink, ending.signal)
    return () => ending.abort()
  }, [])
  if (lost?.needsToken) return <TokenForm why={lost.why} />
  const problem = lost?.why ?? null
  if (fleet === null) {
    return (
      <>
        <p role="status">{problem ?? 'Asking for the fleet…'}</p>
        {/* A planner without a store has no fleet to show, but a rollout. */}
        {problem !== null && <Rollout now={new Date().toISOString()} />}
      </>
    )
  }
  return <FleetView fleet={fleet} problem={problem} />
}

function FleetView({ fleet, problem }: { fleet: FleetStatus; problem: string | null }) {
  const { level, sentence, services, wrong, well, findings, takeovers } = judgeFleet(fleet)
  document.title = `${problem === null ? markOf(level) : '? OLD'} fleet: ${sentence}`
  return (
    <>
      <section class={`headline ${problem === null ? level : 'unknown'}`} aria-labelledby="sentence">
        <p id="sentence" role="status" class="sentence">
          {problem === null ? <Mark level={level} /> : 'Not known now. Last known: '} {sentence}.
        </p>
        {problem !== null && (
          <p>
            <strong>{problem}</strong>. What follows is of {timeOf(fleet.time, fleet.time)} UTC.
          </p>
        )}
        <ul>
          {services.map((one) => (
            <li key={one.name}>
              <Mark level={one.level} /> {one.text}
            </li>
          ))}
          {findings.map((text) => (
            <li key={text}>
              <Mark level="warn" /> {text}
            </li>
          ))}
        </ul>
        <small>
          as {fleet.node} at {fleet.site} sees it in the store, {timeOf(fleet.time, fleet.time)} UTC
        </small>
      </section>
      {wrong.length > 0 && <Rows title="Not as they should" rows={wrong} />}
      <Permits fleet={fleet} />
      <Rollout now={fleet.time} />
      <Takeovers takeovers={takeovers} />
      <FleetEvents now={fleet.time} changes={fleet.changes} isLost={problem !== null} />
      {well.length > 0 && (
        <Closed summary={`${well.length} that serve`} level="ok">
          <Rows title="As they should" rows={well} />
        </Closed>
      )}
    </>
  )
}

function Rows({ title, rows }: { title: string; rows: readonly FleetRow[] }) {
  const [hasAll, setAll] = useState(false)
  const [wanted, want] = useState('')
  const found = wanted === '' ? rows : rows.filter(({ key }) => key.includes(wanted))
  const shown = hasAll ? found : found.slice(0, mostRows)
  const hasSerials = rows.some(({ serial }) => serial !== '')
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {rows.length > 10 && (
        <label>
          only site, node or service with{' '}
          <input type="search" value={wanted} onInput={({ currentTarget }) => want(currentTarget.value)} />
        </label>
      )}
      <Scroll label={title}>
        <table>
          <thead>
            <tr>
              <th scope="col">site</th>
              <th scope="col">node</th>
              <th scope="col">state</th>
              <th scope="col">service</th>
              <th scope="col">announced, as observed</th>
              <th scope="col">other sites</th>
              {hasSerials && <th scope="col">bundle</th>}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.key}>
                <td>{row.site}</td>
                <th scope="row">{row.node}</th>
                <td class="wide">
                  <Mark level={row.level} /> {row.state}
                  {row.silent !== null && `, ${row.silent}`}
                </td>
                <td>{row.service}</td>
                <td class="wide">{row.announced}</td>
                <td>{row.otherSites}</td>
                {hasSerials && <td>{row.serial}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <ShowAll shown={shown.length} all={found.length} onShow={() => setAll(true)} />
    </section>
  )
}

const causes = { permit: 'with a permit', fact: 'by a fact', order: 'by order' } as const

function Permits({ fleet: { permits, time } }: { fleet: FleetStatus }) {
  if (permits.length === 0) return null
  return (
    <section aria-labelledby="permits">
      <h2 id="permits">
        Registers <small>nodes that are withdrawn, or may withdraw</small>
      </h2>
      <ul>
        {permits.map(({ service, site, node, since, reason, cause }) => (
          <li key={`${service} ${site} ${node}`}>
            {service}: {node} at {site}, {causes[cause]} ({reason})
            {since !== null && `, for ${lasting(Date.parse(time) - Date.parse(since))}`}
          </li>
        ))}
      </ul>
    </section>
  )
}
