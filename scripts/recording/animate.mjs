// A recorded session as an animated SVG: every state of a line is a text that is visible for its time.
import { Terminal } from './terminal.mjs'

const columns = 120
const shownRows = 30
const allRows = 200
const cell = { width: 8.4, height: 19 }
const margin = 16
/** The states of a line that follow one another faster are left out. */
const frameMs = 160
const restMs = 10_000
/** A wait that is longer is shown faster. */
const patientMs = 900
const hurry = 0.06

/** `outputs`: of `readSession`. Its waits are shortened. */
export function animate(outputs, title) {
  const { lines, scrolls, endMs } = film(outputs)
  const totalMs = Math.round(endMs) + restMs
  const percent = (ms) => `${((ms / totalMs) * 100).toFixed(3).replace(/\.?0+$/, '')}%`
  const rules = []
  const texts = lines.map(({ row, cells, fromMs, toMs }, index) => {
    const begin = fromMs === 0 ? '' : `0%{visibility:hidden}`
    const end = toMs === null ? '' : `${percent(toMs)}{visibility:hidden}`
    const name = `l${index.toString(36)}`
    rules.push(
      `@keyframes ${name}{${begin}${percent(fromMs)}{visibility:visible}${end}}#${name}{animation-name:${name}}`,
    )
    const last = toMs === null ? ' class="z"' : ''
    return `<text id="${name}"${last} y="${(row + 1) * cell.height - 5}">${spans(cells)}</text>`
  })
  // Several scrolls at the same time are one.
  const steps = [...new Map(scrolls.map(({ atMs, rows }) => [percent(atMs), rows]))].map(
    ([at, rows]) => `${at}{transform:translateY(-${rows * cell.height}px)}`,
  )
  const width = Math.ceil(columns * cell.width) + 2 * margin
  const height = shownRows * cell.height + 2 * margin
  const last = scrolls.at(-1)?.rows ?? 0
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t">
<title id="t">${escapeXml(title)}</title>
<style>
svg{--back:#f6f8fa;--ink:#1f2328;--dim:#59636e;--edge:#d1d9e0}
@media (prefers-color-scheme:dark){svg{--back:#151b23;--ink:#f0f6fc;--dim:#9198a1;--edge:#3d444d}}
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:var(--ink);white-space:pre;visibility:hidden;animation:${totalMs}ms step-end infinite}
.z{visibility:visible}.b{font-weight:700}.d{fill:var(--dim)}
#s{transform:translateY(-${last * cell.height}px);animation:s ${totalMs}ms step-end infinite}
@keyframes s{0%{transform:none}${steps.join('')}}
${rules.join('\n')}
@media (prefers-reduced-motion:reduce){text,#s{animation:none}}
</style>
<rect width="${width - 1}" height="${height - 1}" x=".5" y=".5" rx="8" fill="var(--back)" stroke="var(--edge)"/>
<clipPath id="view"><rect x="${margin}" y="${margin}" width="${width - 2 * margin}" height="${height - 2 * margin}"/></clipPath>
<g clip-path="url(#view)"><g transform="translate(${margin} ${margin})"><g id="s">
${texts.join('\n')}
</g></g></g>
</svg>
`
}

/** Each state of each line with its time, when the view scrolls, and when the last line was written. */
function film(outputs) {
  const terminal = new Terminal(columns, allRows)
  const current = new Map()
  const lines = []
  const scrolls = []
  let shownMs = 0
  let lastKeptMs = 0
  let lastMs = 0
  for (const { atMs, text } of outputs) {
    const isTick = isRedraw(text)
    const waitedMs = atMs - lastMs
    lastMs = atMs
    shownMs += isTick && atMs - lastKeptMs > patientMs ? waitedMs * hurry : waitedMs
    terminal.write(text)
    if (!isTick) lastKeptMs = atMs
    update(terminal, current, lines, shownMs, isTick)
    const hidden = Math.max(0, terminal.lines.findLastIndex((line) => line !== '') + 2 - shownRows)
    if (hidden > (scrolls.at(-1)?.rows ?? 0)) scrolls.push({ atMs: shownMs, rows: hidden })
  }
  return { lines: lines.filter(({ fromMs, toMs }) => toMs !== fromMs), scrolls, endMs: shownMs }
}

/** A line that is only drawn again in place. */
function isRedraw(text) {
  return !text.includes('\n')
}

function update(terminal, current, lines, nowMs, isTick) {
  terminal.cells.forEach((cells, row) => {
    const key = cells.map(({ text, style }) => `${text}${style}`).join('\0')
    const shown = current.get(row)
    if (shown?.key === key || (shown === undefined && cells.every(({ text }) => text === ' '))) return
    if (isTick && shown !== undefined && shown.line !== null && nowMs - shown.line.fromMs < frameMs) return
    if (shown?.line != null) shown.line.toMs = nowMs
    const isBlank = cells.every(({ text }) => text === ' ')
    const line = isBlank ? null : { row, cells: [...cells], fromMs: nowMs, toMs: null }
    if (line !== null) lines.push(line)
    current.set(row, { key, line })
  })
}

const classes = { 1: 'b', 2: 'd' }

/** Runs of one style. */
function spans(cells) {
  const end = cells.findLastIndex(({ text }) => text !== ' ') + 1
  const runs = []
  for (const { text, style } of cells.slice(0, end)) {
    if (runs.at(-1)?.style === style) runs.at(-1).text += text
    else runs.push({ style, text })
  }
  return runs
    .map(({ style, text }) => {
      const kind = style
        .split(' ')
        .map((one) => classes[one] ?? '')
        .join(' ')
        .trim()
      return kind === '' ? escapeXml(text) : `<tspan class="${kind}">${escapeXml(text)}</tspan>`
    })
    .join('')
}

function escapeXml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
