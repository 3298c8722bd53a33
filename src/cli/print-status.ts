import type { NodeStatus } from '../control/status.ts'
import { describeRemote, isCutOff } from '../fleet/exchange/remote-view.ts'
import { compareVersions } from '../manifest/daemon-versions.ts'
import { describeStuckSession } from '../manifest/quiet-bfd.ts'
import { describeSaved } from '../node/controller/watch/saved-watch.ts'
import type { DrainEnding } from '../node/decision/drain.ts'
import { cures } from '../node/health/cures.ts'
import { withoutControls } from '../text/wording.ts'
import { type Paint, paintFor, plain } from './terminal/color.ts'

export function printStatus(status: NodeStatus, json: boolean): void {
  const text = json
    ? JSON.stringify(status, null, 2)
    : describeStatus(status, paintFor(process.stdout)).join('\n')
  process.stdout.write(`${text}\n`)
}

/** For a person. */
export function describeStatus(found: NodeStatus, paint: Paint = plain): string[] {
  const status = withoutControls(found)
  const lines: string[] = []
  const write = (line: string) => lines.push(line)
  const { daemon, operator, maintenance } = status
  const { serial } = status
  write(
    `${status.node} at ${status.site}, ${daemon.kind} ${daemon.version ?? ''}${serial === null ? '' : `, bundle ${serial}`}`,
  )
  if (operator.source !== null) {
    const until = operator.until === null ? '' : ` until ${operator.until}`
    const reason = operator.reason === null ? '' : ` (${operator.reason})`
    const by = operator.by === null ? '' : `, by ${operator.by}`
    write(`  ${operator.source}: ${operator.intent}${until}${reason}${by}`)
  }
  if (maintenance.next !== null) {
    const { start, until, reason } = maintenance.next
    write(`  next maintenance: ${start} to ${until} (${reason})`)
  }
  for (const service of status.services) {
    write(
      `  ${service.name}: ${paint(service.health)}, ${paint(service.decision)} since ${service.since}: ${service.reason}`,
    )
    write(`    ${service.detail}`)
    const cure = Object.hasOwn(cures, service.reason) ? cures[service.reason] : undefined
    if (cure !== undefined) write(`    what to do: ${cure}`)
    if (isCutOff(service))
      write(`    OUT OF REACH: ${describeRemote(service.remote!)}; its own probe is good`)
    const { flaps, leftMs } = service.holdDown
    if (leftMs !== null)
      write(
        `    hold-down for another ${Math.ceil(leftMs / 1000)} s after ${flaps} ${flaps === 1 ? 'flap' : 'flaps'}`,
      )
    if (service.drain.stage !== 'none') write(`    ${describeDrain(service.drain)}`)
    for (const { name, session, bfd } of status.neighbors) {
      const advertised = service.announced
        .filter(({ neighbor }) => neighbor === name)
        .map(({ prefix, degraded }) => (degraded ? `${prefix} degraded` : prefix))
      write(
        `    ${name} (session ${paint(session)}${bfd ? `, BFD ${paint(bfd.state)}` : ''}): ${advertised.length === 0 ? 'nothing announced' : advertised.join(', ')}`,
      )
    }
  }
  const age = daemon.observedAgoMs === null ? 'never observed' : `observed ${daemon.observedAgoMs} ms ago`
  write(`  ${daemon.verified ? 'verified' : `${paint('NOT')} verified`} at the daemon, ${age}`)
  for (const address of status.heldAddresses)
    write(`  ${address} is removed from this node until the daemon withdraws the routes of the dead service`)
  if (status.access?.problem) write(`  the page: ${status.access.problem}`)
  if (status.guard?.holding === false)
    write(`  ${paint('NOT')} guarded: ${status.guard.problem ?? 'the guard does not answer'}`)
  for (const { name, session, bfd } of status.neighbors) {
    if (bfd?.problem) write(`  ${bfd.problem}`)
    else if (session === 'down' && (bfd?.state === 'down' || bfd?.state === 'missing') && endsWithBfd(daemon))
      write(`  ${describeStuckSession(name)}`)
  }
  const saved = daemon.savedAnnouncements ?? []
  if (saved.length > 0) write(`  ${describeSaved(saved)}`)
  for (const line of describeRescue(status)) write(`  ${line}`)
  const { store } = status
  if (store?.ok === false)
    write(`  the store does not answer since ${store.since}, and this node decides alone: ${store.problem}`)
  if (daemon.trouble !== null) write(`  error: ${daemon.trouble.cause}: ${daemon.trouble.message}`)
  if (hasFault(status)) write(`  to find the cause, as root on ${status.node}: anyward doctor`)
  return lines
}

/** Counts alone: the roster maps users to addresses. */
function describeRescue({ node: self, rescue }: NodeStatus): string[] {
  if (rescue === null) return []
  const { entries, nodes, problem, strays } = rescue
  const streams = nodes.filter(({ up }) => up !== null)
  const up = streams.filter((stream) => stream.up).length
  return [
    `roster: ${entries} ${entries === 1 ? 'client' : 'clients'} known, ${nodes.find(({ node }) => node === self)?.entries ?? 0} of them served here; streams of ${up} of ${streams.length} nodes`,
    ...(problem === null ? [] : [`the roster of this node is not shared: ${problem}`]),
    ...(strays === null || strays.ok
      ? []
      : [
          `packets of sessions at other sites are not seen${strays.problem === null ? ' yet' : `: ${strays.problem}`}`,
        ]),
    ...streams.flatMap((stream) =>
      stream.up ? [] : [`no stream of ${stream.node}${stream.problem === null ? '' : `: ${stream.problem}`}`],
    ),
    ...nodes.flatMap(({ node, skewMs }) =>
      skewMs === null || Math.abs(skewMs) <= 1000
        ? []
        : [
            `the clock of ${node} is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this one`,
          ],
    ),
  ]
}

/** Not for what an operator ordered, or what passes by itself. */
function hasFault({ services, neighbors, daemon, rescue }: NodeStatus): boolean {
  return (
    daemon.trouble !== null ||
    (rescue?.strays?.problem ?? null) !== null ||
    services.some(({ health }) => health === 'unhealthy' || health === 'impaired') ||
    neighbors.some(({ session }) => session === 'down' || session === 'missing')
  )
}

function endsWithBfd({ kind, version }: NodeStatus['daemon']): boolean {
  return kind === 'frr' && version !== null && compareVersions(version, '10') >= 0
}

function describeDrain({
  stage,
  sinceMs,
  waitingFor,
  ending,
}: NodeStatus['services'][number]['drain']): string {
  const age = `for ${Math.round((sinceMs ?? 0) / 1000)} s`
  const why = waitingFor ?? (ending === null ? null : wordsOfEnding[ending])
  return `drain: ${stage} ${age}${why === null ? '' : `: ${why}`}`
}

const wordsOfEnding: Readonly<Record<DrainEnding, string>> = {
  'traffic-gone': 'the neighbors had the degraded routes, and the traffic had moved away',
  limit: 'the time limit passed before the traffic had moved away',
  'nothing-announced': 'nothing was announced',
  'at-once': 'without degrading first',
}
