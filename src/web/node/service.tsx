import type { Configured, ProbeTimes } from '../../control/page/page-state.ts'
import type { NodeStatus } from '../../control/status.ts'
import { Code, Facts, Mark, Scroll } from '../marks.tsx'
import { Runbook } from '../runbook.tsx'
import { lasting, milliseconds, timeOf } from '../words.ts'
import { Plot } from './plot.tsx'
import { draw } from './plot-shape.ts'
import type { ServiceVerdict } from './verdict.ts'

type Service = NodeStatus['services'][number]

interface Props {
  service: Service
  verdict: ServiceVerdict
  /** Why, and what to do, is above already. */
  isFirst: boolean
  status: NodeStatus
  /** The present time of the node. */
  now: number
  times: ProbeTimes | null
  configured: Configured | null
}

export function ServiceView({ service, verdict, isFirst, status, now, times, configured }: Props) {
  const { name } = service
  return (
    <section class={`service ${verdict.level}`} aria-labelledby={`service-${name}`}>
      <h2 id={`service-${name}`}>
        <Mark level={verdict.level} /> {name}: <strong>{verdict.state}</strong>{' '}
        <Since since={service.since} status={status} now={now} />
      </h2>
      {!isFirst && <p>{verdict.why}</p>}
      {!isFirst && <Todo todo={verdict.todo} />}
      {!isFirst && verdict.runbook !== null && <Runbook key={verdict.runbook} name={verdict.runbook} />}
      <Announced service={service} status={status} now={now} configured={configured} />
      <Checks service={service} times={times} />
      <ServiceFacts service={service} />
    </section>
  )
}

export function Since({ since, status, now }: { since: string; status: NodeStatus; now: number }) {
  return (
    <small>
      for {lasting(now - Date.parse(since))}, since{' '}
      <time dateTime={since}>{timeOf(since, status.time)} UTC</time>
    </small>
  )
}

export function Todo({ todo }: { todo: readonly string[] }) {
  if (todo.length === 0) return null
  return (
    <p class="todo">
      <strong>What to do: </strong>
      {todo.map((text, at) => (
        <span key={text}>
          {at > 0 && '; also: '}
          <Code text={text} />
        </span>
      ))}
    </p>
  )
}

/** Neighbors by prefixes, as observed at the routing daemon. */
function Announced({ service, status, now, configured }: Omit<Props, 'verdict' | 'isFirst' | 'times'>) {
  const known = configured?.services.find(({ name }) => name === service.name)?.prefixes
  const announced = service.announced.map(({ prefix }) => prefix)
  const may = new Set([
    ...announced,
    ...(configured?.neighbors ?? []).flatMap((neighbor) => neighbor.prefixes),
  ])
  const prefixes = (known ?? [...new Set(announced)]).filter((prefix) => may.has(prefix))
  const { observedAgoMs } = status.daemon
  const age = observedAgoMs === null ? null : observedAgoMs + now - Date.parse(status.time)
  return (
    <>
      <h3 id={`announced-${service.name}`}>
        Announced to whom, as observed {age === null ? 'never yet' : `${lasting(age)} ago`}
        {status.daemon.verified ? ': as decided' : ': NOT as decided'}
      </h3>
      <Scroll label={`announcements of ${service.name}`}>
        <table aria-labelledby={`announced-${service.name}`}>
          <thead>
            <tr>
              <th scope="col">neighbor</th>
              <th scope="col">session</th>
              {prefixes.map((prefix) => (
                <th scope="col" key={prefix}>
                  {prefix}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {status.neighbors.map(({ name, session }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{session === 'up' ? 'up' : <strong>✖ {session}</strong>}</td>
                {prefixes.map((prefix) => (
                  <td key={prefix}>{cellOf(service, name, prefix, configured)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  )
}

function cellOf({ announced }: Service, neighbor: string, prefix: string, configured: Configured | null) {
  const found = announced.find((one) => one.neighbor === neighbor && one.prefix === prefix)
  if (found?.degraded) return <span class="warn">◐ degraded</span>
  if (found) return <span class="ok">✔ announced</span>
  const may = configured?.neighbors.find(({ name }) => name === neighbor)?.prefixes.includes(prefix) ?? true
  return may ? <span class="not">✖ no</span> : <span class="never">– by policy</span>
}

function Checks({ service, times }: Pick<Props, 'service' | 'times'>) {
  return (
    <>
      <h3 id={`health-${service.name}`}>Health: {service.health}, by check</h3>
      <Scroll label={`checks of ${service.name}`}>
        <table class="checks" aria-labelledby={`health-${service.name}`}>
          <thead>
            <tr>
              <th scope="col">check</th>
              <th scope="col">now</th>
              <th scope="col">usual</th>
              <th scope="col">bad</th>
              <th scope="col">last 5 minutes</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(service.checks).map(([check, isGood]) => {
              const series = times?.series.find((one) => one.service === service.name && one.check === check)
              const shape = series && draw(series)
              return (
                <tr key={check}>
                  <th scope="row">{check}</th>
                  <td>{isGood ? <span class="ok">✔ good</span> : <strong class="bad">✖ bad</strong>}</td>
                  <td>{shape && shape.usual !== null ? milliseconds(shape.usual) : ''}</td>
                  <td>{shape ? shape.badTotal : ''}</td>
                  <td>{series ? <Plot series={series} /> : <small>not timed</small>}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </Scroll>
    </>
  )
}

/** What is not said above, and only where there is something to say. */
function ServiceFacts({ service }: { service: Service }) {
  const { holdDown, drain, permit, fenced, remote, loss, late, probe, decision, reason } = service
  const facts: [string, string][] = [['decision', `${decision} (${reason})`]]
  if (probe?.outcome === 'bad') facts.push(['last probe', `${probe.check}: ${probe.detail}`])
  if (probe?.outcome === 'inconclusive') facts.push(['last probe', `neither good nor bad: ${probe.detail}`])
  if (holdDown.leftMs !== null) {
    facts.push(['hold-down', `another ${lasting(holdDown.leftMs + 999)}, after ${holdDown.flaps} flaps`])
  } else if (holdDown.flaps > 0) facts.push(['flaps that count', String(holdDown.flaps)])
  if (drain.stage !== 'none') {
    const why = drain.waitingFor ?? drain.ending
    facts.push(['drain', `${drain.stage} for ${lasting(drain.sinceMs ?? 0)}${why ? `: ${why}` : ''}`])
  }
  if (permit !== null) {
    facts.push([
      'permit to withdraw',
      `${permit.standing}${permit.held ? ', this node is in the register' : ''}`,
    ])
  }
  if (fenced !== null) {
    facts.push([
      'fence',
      fenced ? 'set: WireGuard starts no handshakes, because the service is not announced' : 'open',
    ])
  }
  if (remote !== null)
    facts.push(['other sites', `${remote.sites - remote.failing} of ${remote.sites} reach it`])
  if (loss > 0) facts.push(['loss', `${(loss * 100).toFixed(0)} % of the last probes`])
  if (late.total > 0) facts.push(['late probes', `${late.total} since the start, ${late.inRow} in a row now`])
  return <Facts facts={facts} />
}
