import type { NodeReply } from '../../node/service/ask-controller.ts'
import { type Sight, watchController } from '../../node/service/watch-controller.ts'
import { canRedraw } from '../../text/color.ts'
import { formatAge, formatTime } from '../format-time.ts'
import { type Paint, paintFor } from '../terminal/color.ts'
import { fitLines } from '../terminal/fit-lines.ts'
import { Screen } from '../terminal/screen.ts'

/** What is watched: one node, or the fleet as one node sees it. */
export interface Watched<T> {
  readonly ask: (timeoutMs?: number) => Promise<NodeReply<T>>
  readonly describe: (status: T, paint: Paint) => string[]
  readonly describeAbsent: () => Promise<NonNullable<Sight<T>['silence']>>
}

interface View<T> {
  onSight(sight: Sight<T>): void
  end(): void
}

/** Shorter than that of a single question: the watch shows that it waits, and asks again. */
const timeoutMs = 3000
/** The age of what is shown is drawn again, at most this often. */
const frameMs = 500

/** Shows the status until Ctrl-C, SIGTERM or SIGHUP, or until the reader of stdout has gone. */
export async function watchStatus<T>(watched: Watched<T>, json: boolean): Promise<void> {
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ended.abort())
  process.stdout.once('error', () => ended.abort())
  const view = json
    ? printDocuments<T>()
    : canRedraw(process.stdout, process.env)
      ? openScreen(watched)
      : printChanges(watched)
  try {
    const watching = watchController({
      ...{ signal: ended.signal, onSight: (sight: Sight<T>) => view.onSight(sight) },
      ...{ ask: () => watched.ask(timeoutMs), describeAbsent: watched.describeAbsent },
    })
    const end = new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()))
    await Promise.race([watching, end])
  } finally {
    view.end()
  }
  // A question that is not answered yet keeps the process running.
  process.exit(0)
}

/** What changes from one question to the next without an event: ages, measurements, counts of traffic. */
const measured = new Set([
  ...['time', 'observedAgoMs', 'ageMs', 'sinceMs', 'leftMs', 'probe', 'loss', 'late'],
  ...['entries', 'peers', 'readers', 'packets'],
])
/** Clocks differ a little from one question to the next. The text states larger differences only. */
const offsets = new Set(['skewMs', 'clockAheadMs'])

/** The same for two statuses that differ in measurements only. */
export function keyOf(status: unknown): string {
  return JSON.stringify(status, (key, value: unknown) => {
    if (measured.has(key)) return undefined
    return offsets.has(key) ? Math.abs(Number(value)) > 1000 : value
  })
}

/** One JSON document a line at each change; what is wrong with the controller goes to stderr. */
function printDocuments<T>(): View<T> {
  return atChanges(
    (status) => process.stdout.write(`${JSON.stringify(status)}\n`),
    (line) => process.stderr.write(`${line}\n`),
  )
}

/** The status at each change, each with its time. */
function printChanges<T>({ describe }: Watched<T>): View<T> {
  const paint = paintFor(process.stdout)
  return atChanges(
    (status, atMs) =>
      process.stdout.write(`${[`at ${formatTime(atMs)}`, ...describe(status, paint)].join('\n')}\n`),
    (line) => process.stdout.write(`${line}\n`),
  )
}

function atChanges<T>(
  printStatus: (status: T, atMs: number) => void,
  printSilence: (line: string) => void,
): View<T> {
  let printed: string | null = null
  let isSilent = false
  return {
    onSight({ status, atMs, silence }) {
      if (silence !== null) {
        if (!isSilent) printSilence(describeSilence(atMs, silence.message, status !== null))
        isSilent = true
        return
      }
      const key = keyOf(status)
      // Also after a silence: it shows that the controller answers again.
      if (key !== printed || isSilent) printStatus(status!, atMs)
      printed = key
      isSilent = false
    },
    end() {},
  }
}

function describeSilence(atMs: number, message: string, hasAnswered: boolean): string {
  const since = `no answer since ${formatTime(atMs)}${hasAnswered ? '' : ', when this command started'}`
  return `! ${since}: ${message}`
}

function openScreen<T>({ describe }: Watched<T>): View<T> {
  const screen = new Screen(process.stdout)
  const paint = paintFor(process.stdout)
  let last: Sight<T> | null = null
  const draw = () =>
    screen.draw(
      fitLines(last === null ? ['asking the controller'] : frame(last), screen.columns, screen.rows),
    )
  const frame = ({ status, atMs, silence }: Sight<T>): string[] => {
    const age = formatAge(Date.now() - atMs)
    const lines = status === null ? [] : describe(status, paint)
    if (silence === null) return [`as of ${formatTime(atMs)}, ${age} ago; Ctrl-C ends`, '', ...lines]
    return [
      `${paint('!')}${describeSilence(atMs, silence.message, status !== null).slice(1)}; Ctrl-C ends`,
      ...silence.hint.split('\n').map((line) => `    ${line.trim()}`),
      ...(status === null ? [] : ['', `what follows is ${age} old`, '']),
      ...lines,
    ]
  }
  const redraw = () => {
    screen.clear()
    draw()
  }
  const resume = () => {
    keys.listen()
    redraw()
  }
  const suspend = () => {
    keys.mute()
    screen.close(() => process.kill(process.pid, 'SIGSTOP'))
  }
  const keys = takeKeys()
  resume()
  process.stdout.on('resize', redraw)
  process.on('SIGTSTP', suspend).on('SIGCONT', resume)
  // Also where an error ends the program.
  process.once('exit', () => screen.close())
  const timer = setInterval(draw, frameMs)
  return {
    onSight(sight) {
      last = sight
      draw()
    },
    end() {
      clearInterval(timer)
      keys.mute()
      screen.close()
      // What was shown last stays, as a command prints it.
      if (last?.status != null) process.stdout.write(`${describe(last.status, paint).join('\n')}\n`)
    },
  }
}

const signals = new Map<string, NodeJS.Signals>([
  ['q', 'SIGINT'],
  ['\u0003', 'SIGINT'],
  ['\u001a', 'SIGTSTP'],
])

/** Keys that are pressed must not appear on the screen: without an echo, Ctrl-C and Ctrl-Z arrive as characters. */
function takeKeys(): { listen(): void; mute(): void } {
  const { stdin } = process
  if (!stdin.isTTY) return { listen() {}, mute() {} }
  stdin.setEncoding('utf8').on('data', (keys: string) => {
    const signal = [...signals].find(([key]) => keys.includes(key))?.[1]
    if (signal !== undefined) process.kill(process.pid, signal)
  })
  return {
    listen: () => void stdin.setRawMode(true).resume(),
    mute: () => void stdin.setRawMode(false).pause(),
  }
}
