import type { ScenarioEvent, ScenarioResult } from './scenario.ts'

/** One line of progress; `null` if the next line reports it anyway. */
export function describeEvent(event: ScenarioEvent): string | null {
  switch (event.kind) {
    case 'started':
      return `${event.scenario.name} on ${event.node.name} (${event.node.daemon}): ${event.scenario.summary}`
    case 'struck':
      return null
    case 'detected':
      return `    noticed after ${formatMs(event.afterMs)}: ${event.reason}`
    case 'withdrawn':
      return `    gone at ${event.neighbor} after ${formatMs(event.afterMs)}`
    case 'client-back':
      return `    ${event.client}, ${event.where === 'here' ? 'back at its own site' : 'at another site'}, had no replies for ${formatMs(event.outageMs)}, ${event.packetsLost} packets lost`
    case 'repairing':
      return '    repairing'
    case 'restored':
      return `    back at ${event.neighbor} after ${formatMs(event.afterMs)}`
    case 'finished':
      return `    ${event.result.passed ? 'passed' : 'FAILED'}${event.result.detail === '' ? '' : `: ${event.result.detail}`}`
  }
}

/** A table for the terminal. */
export function renderResults(results: readonly ScenarioResult[]): string {
  const head = ['scenario', 'node', 'daemon', 'noticed', 'withdrawn', 'restored', 'client outage', 'lost', '']
  const rows = results.map((result) => [
    result.name,
    result.node,
    result.daemon,
    formatMs(result.detectMs),
    formatMs(result.withdrawnMs),
    formatMs(result.restoredMs),
    formatMs(result.clientOutageMs),
    result.packetsLost === null ? '-' : String(result.packetsLost),
    result.passed ? 'passed' : 'FAILED',
  ])
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)))
  const isNumber = (at: number) => at >= 3 && at <= 7
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, at) => (isNumber(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd(),
  )
  const failures = results.filter(({ passed }) => !passed)
  return [...lines, ...failures.map(({ name, node, detail }) => `${name} on ${node}: ${detail}`)].join('\n')
}

/** `12.3 ms`, `1,240 ms`, `15.2 s`; `-` for what was not measured. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '-'
  if (ms < 100) return `${ms.toFixed(1)} ms`
  if (ms < 10_000) return `${Math.round(ms).toLocaleString('en-US')} ms`
  return `${(ms / 1000).toFixed(1)} s`
}
