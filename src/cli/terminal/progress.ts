import { type Clock, systemClock, type Timer } from '../../clock/clock.ts'
import { canRedraw } from '../../text/color.ts'
import { LiveBlock, type OutputStream } from './live-block.ts'

/** What a command that may take longer than two seconds is doing, on stderr. */
export interface Progress {
  step(text: string): void
  /** A line that stays, such as a warning. */
  print(line: string): void
  /** Idempotent. The terminal shows no step after it. */
  end(): void
}

interface ProgressOptions {
  /** Without a terminal: `slow` prints a step that has taken two seconds, `each` prints every step at once. */
  readonly lines: 'each' | 'slow'
  readonly stream?: OutputStream
  readonly clock?: Clock
}

const slowMs = 2000
const redrawMs = 1000

/** On a terminal one line that is drawn again in place; otherwise plain lines. */
export function createProgress({
  lines,
  stream = process.stderr,
  clock = systemClock,
}: ProgressOptions): Progress {
  return canRedraw(stream, process.env)
    ? new LiveProgress(stream, clock)
    : new PlainProgress(stream, clock, lines)
}

/** Shows the steps of `work`. They are gone, or printed, before its result is returned. */
export async function withProgress<T>(
  options: ProgressOptions,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = createProgress(options)
  try {
    return await work(progress)
  } finally {
    progress.end()
  }
}

class LiveProgress implements Progress {
  readonly #block: LiveBlock
  readonly #clock: Clock
  #text = ''
  #since = 0
  #timer: Timer | null = null

  constructor(stream: OutputStream, clock: Clock) {
    this.#block = new LiveBlock(stream)
    this.#clock = clock
  }

  step(text: string): void {
    this.#text = text
    this.#since = this.#clock.now()
    this.#draw()
  }

  print(line: string): void {
    this.#draw([line])
  }

  end(): void {
    this.#text = ''
    this.#draw()
  }

  #draw(above: readonly string[] = []): void {
    this.#timer?.cancel()
    const seconds = Math.floor((this.#clock.now() - this.#since) / 1000)
    const age = seconds * 1000 < slowMs ? '' : `, ${seconds} s`
    this.#block.draw(this.#text === '' ? [] : [`${this.#text} …${age}`], above)
    this.#timer = this.#text === '' ? null : this.#clock.after(redrawMs, () => this.#draw()).unref()
  }
}

class PlainProgress implements Progress {
  readonly #stream: OutputStream
  readonly #clock: Clock
  readonly #lines: 'each' | 'slow'
  #text: string | null = null
  #quietSince: number
  #timer: Timer | null = null

  constructor(stream: OutputStream, clock: Clock, lines: 'each' | 'slow') {
    this.#stream = stream
    this.#clock = clock
    this.#lines = lines
    this.#quietSince = clock.now()
  }

  step(text: string): void {
    this.#text = text
    const leftMs = this.#lines === 'each' ? 0 : this.#quietSince + slowMs - this.#clock.now()
    if (leftMs <= 0) this.#printStep()
    else this.#timer ??= this.#clock.after(leftMs, () => this.#printStep()).unref()
  }

  print(line: string): void {
    this.#stream.write(`${line}\n`)
  }

  end(): void {
    this.#timer?.cancel()
    this.#text = null
  }

  #printStep(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#quietSince = this.#clock.now()
    if (this.#text !== null) this.print(this.#text)
  }
}
