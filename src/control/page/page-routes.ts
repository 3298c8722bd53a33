import { setImmediate as turn } from 'node:timers/promises'
import { endpoints } from '../endpoints.ts'
import { jsonReply, type Reply, type Route } from '../route.ts'
import type { NodeStatus } from '../status.ts'
import type { Configured, PageState, ProbeSeries, ProbeTimes, RecentEventList } from './page-state.ts'

interface PageView {
  status(): NodeStatus
  /** @param seconds the newest ones; without: all */
  probes(seconds?: number): { readonly from: number; readonly series: Iterable<ProbeSeries> }
  events(): RecentEventList
  readonly configured: Configured
}

/** Of the probe times in each message. A page that has missed more asks for all. */
const newestSeconds = 5

/** What the page asks for. */
export function pageRoutes(view: PageView): Route[] {
  const state = () => {
    const { from, series } = view.probes(newestSeconds)
    const probes: ProbeTimes = { from, series: [...series] }
    const present: PageState = { status: view.status(), probes, events: view.events().count }
    return jsonReply(200, present)
  }
  return [
    { ...endpoints.state, answer: state },
    { ...endpoints.live, answer: state },
    { ...endpoints.configured, answer: () => jsonReply(200, view.configured) },
    { ...endpoints.recentEvents, answer: () => jsonReply(200, view.events()) },
    { ...endpoints.history, answer: () => renderTimes(view.probes()) },
  ]
}

/** One series at a time: of a hundred services it is more than a megabyte, and a withdrawal can run in between. */
async function renderTimes({ from, series }: ReturnType<PageView['probes']>): Promise<Reply> {
  const texts: string[] = []
  for (const one of series) {
    texts.push(JSON.stringify(one))
    await turn()
  }
  return { code: 200, contentType: 'application/json', body: `{"from":${from},"series":[${texts.join()}]}\n` }
}
