interface TerminalStream {
  readonly columns: number
  readonly rows: number
  write(text: string, onWritten?: () => void): unknown
}

const csi = '\u001b['
/** The alternate screen, so that what the terminal showed before comes back; no cursor; long lines are not wrapped. */
const enter = `${csi}?1049h${csi}?25l${csi}?7l`
const leave = `${csi}?7h${csi}?25h${csi}?1049l`

/** A whole terminal, of which only the lines that change are written, in one write. */
export class Screen {
  readonly #stream: TerminalStream
  #shown: readonly string[] = []
  #isOpen = false

  constructor(stream: TerminalStream) {
    this.#stream = stream
  }

  get columns(): number {
    return this.#stream.columns || 80
  }

  get rows(): number {
    return this.#stream.rows || 24
  }

  /** Enters the screen, and forgets what it shows: also after the terminal was resized. */
  clear(): void {
    this.#stream.write(`${this.#isOpen ? '' : enter}${csi}2J`)
    this.#isOpen = true
    this.#shown = []
  }

  /** Nothing, on a screen that was not entered. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return
    const longest = Math.max(lines.length, this.#shown.length)
    const changes = Array.from({ length: longest }, (_, row) => {
      const line = lines[row] ?? ''
      return line === (this.#shown[row] ?? '') ? '' : `${csi}${row + 1};1H${line}${csi}0m${csi}K`
    }).join('')
    if (changes !== '') this.#stream.write(changes)
    this.#shown = lines
  }

  /**
   * Idempotent.
   * @param onClosed once the terminal has it: a slow one takes what is written later
   */
  close(onClosed: () => void = () => {}): void {
    const wasOpen = this.#isOpen
    this.#isOpen = false
    if (wasOpen) this.#stream.write(leave, onClosed)
    else onClosed()
  }
}
