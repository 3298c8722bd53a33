import { useEffect, useReducer, useState } from 'preact/hooks'
import type { PageState } from '../../control/page/page-state.ts'
import type { NodeStatus } from '../../control/status.ts'
import { askConfigured, askEvents, askHistory, follow, ofNode, type Sink } from '../follow.ts'
import { Closed, Code, Mark, markOf, Views } from '../marks.tsx'
import { loadRunbooks, Runbook } from '../runbook.tsx'
import { TokenForm } from '../token-form.tsx'
import { lasting, timeOf } from '../words.ts'
import { type Arrival, arrive, firstModel, type Link, type Model, missing } from './model.ts'
import { Neighbors, NodeFacts, Timeline } from './node.tsx'
import { Orders } from './orders.tsx'
import { ServiceView, Since, Todo } from './service.tsx'
import { judge, type Verdict } from './verdict.ts'

/** The page of the node whose controller serves it. */
export function NodePage() {
  const [model, take] = useReducer(arrive, firstModel)
  const [nowMs, setNow] = useState(performance.now())
  const [fault, setFault] = useState<unknown>(null)
  if (fault !== null) throw fault
  useEffect(() => start(take, setFault), [])
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return <App model={model} nowMs={Math.max(nowMs, model.arrivedAt)} />
}

/**
 * Connects, and asks for what is missing after each state. Returns the function that ends it.
 *
 * @param fail for an answer that is not what this page knows
 */
function start(take: (arrival: Arrival) => void, fail: (error: unknown) => void): () => void {
  const ending = new AbortController()
  let model = firstModel
  const asking = new Set<string>()
  const put = (arrival: Arrival) => {
    try {
      model = arrive(model, arrival)
      take(arrival)
    } catch (error) {
      fail(error)
    }
  }
  const load = {
    history: async () => put({ kind: 'history', times: await askHistory() }),
    events: async () => put({ kind: 'events', ...(await askEvents()) }),
    configured: async () => put({ kind: 'configured', configured: await askConfigured() }),
  }
  const sink: Sink<PageState> = {
    state(state, isStream) {
      const before = model
      put({ kind: 'state', state, isStream, now: performance.now() })
      void loadRunbooks()
      for (const what of missing(before, model)) {
        if (asking.has(what)) continue
        asking.add(what)
        // The next state asks again.
        void load[what]()
          .catch(() => {})
          .finally(() => asking.delete(what))
      }
    },
    lost: (why, needsToken) => put({ kind: 'lost', why, needsToken, now: performance.now() }),
  }
  void follow(ofNode, sink, ending.signal)
  return () => ending.abort()
}

/** With more services, those that serve are closed until they are opened. */
const mostOpen = 3

function App({ model, nowMs }: { model: Model; nowMs: number }) {
  const { state, link, configured } = model
  if (state === null) {
    return (
      <main>
        <h1>Anyward</h1>
        {link.kind === 'lost' && link.needsToken && <TokenForm why={link.why} />}
        <p role="status">
          {link.kind === 'lost' ? `Not connected: ${link.why}. Trying again.` : 'Connecting…'}
        </p>
      </main>
    )
  }
  const { status } = state
  const verdict = judge(status, configured)
  const isOld = link.kind === 'lost'
  document.title = `${isOld ? '? OLD' : markOf(verdict.level)} ${status.node}: ${verdict.sentence}`
  /** The time of the node, by its own clock. */
  const now = Date.parse(status.time) + nowMs - model.arrivedAt
  return (
    <>
      <Lost link={link} status={status.time} nowMs={nowMs} />
      <header>
        <h1>
          {status.node} <small>at {status.site}</small>
        </h1>
        <p class="link">
          {words[link.kind]} <time dateTime={status.time}>{timeOf(status.time, status.time)} UTC</time>
          {status.serial !== null && `, bundle ${status.serial}`}
        </p>
      </header>
      {status.store !== null && <Views isFleet={false} />}
      <main class={isOld ? 'old' : ''}>
        <Headline verdict={verdict} status={status} now={now} isOld={isOld} />
        {!isOld && <Orders status={status} configured={configured} />}
        {verdict.services.map((one, at) => {
          const service = status.services.find(({ name }) => name === one.name)!
          const view = (
            <ServiceView
              {...{ service, status, configured, now }}
              isFirst={at === 0 && one.level !== 'ok'}
              verdict={one}
              times={model.times}
            />
          )
          if (one.level !== 'ok' || status.services.length <= mostOpen)
            return <div key={one.name}>{view}</div>
          return (
            <Closed key={one.name} summary={`${one.name}: ${one.state}`} level="ok">
              {view}
            </Closed>
          )
        })}
        <Neighbors status={status} configured={configured} />
        <NodeFacts status={status} />
        <Timeline events={model.events?.list ?? []} now={status.time} />
      </main>
    </>
  )
}

const words: Readonly<Record<Link['kind'], string>> = {
  connecting: 'connecting',
  live: '● live,',
  polling: '○ asking every 2 s, because all streams are in use,',
  lost: '✖ not connected, last known',
}

/** Above everything, while what is below is old. */
function Lost({ link, status, nowMs }: { link: Link; status: string; nowMs: number }) {
  if (link.kind !== 'lost') return <div role="alert" />
  return (
    <div role="alert" class="lost">
      <p>
        <strong>✖ Connection to the controller lost.</strong> All below is old: it is of{' '}
        {timeOf(status, status)} UTC
        {/* Not in what a screen reader speaks: it changes each second. */}
        <span aria-hidden="true">, {lasting(nowMs - link.since)} ago</span>.
      </p>
      <p>
        {link.why}. Trying again each second. On the node: <code>systemctl status anyward-controller</code>,{' '}
        <code>anyward status</code>
      </p>
      {link.needsToken ? <TokenForm why={link.why} /> : <Runbook name="controller-down" />}
    </div>
  )
}

interface HeadlineProps {
  verdict: Verdict
  status: NodeStatus
  now: number
  isOld: boolean
}

function Headline({ verdict, status, now, isOld }: HeadlineProps) {
  const { level, sentence, services, findings } = verdict
  const [worst] = services
  const isWrong = worst !== undefined && worst.level !== 'ok'
  const service = status.services.find(({ name }) => name === worst?.name)
  return (
    <section class={`headline ${isOld ? 'unknown' : level}`} aria-labelledby="sentence">
      <p id="sentence" role="status" class="sentence">
        {isOld ? 'Not known now. Last known: ' : <Mark level={level} />} {sentence}.
      </p>
      {isWrong && service && <Since since={service.since} status={status} now={now} />}
      {isWrong && (
        <p>
          <strong>Why: </strong>
          {worst.why}.
        </p>
      )}
      {isWrong && <Todo todo={worst.todo} />}
      {isWrong && worst.runbook !== null && <Runbook key={worst.runbook} name={worst.runbook} />}
      {findings.length > 0 && (
        <ul>
          {findings.map(({ text, todo, level, runbook }) => (
            <li key={text}>
              <Mark level={level} /> {text}
              {todo !== null && (
                <>
                  . <strong>What to do: </strong>
                  <Code text={todo} />
                </>
              )}
              <Runbook name={runbook} />
            </li>
          ))}
        </ul>
      )}
      {level !== 'ok' && level !== 'planned' && (
        <p>
          To find the cause, as root on the node: <code>anyward doctor</code>
        </p>
      )}
    </section>
  )
}
