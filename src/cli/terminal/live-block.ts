import { cut } from './fit-lines.ts'

export interface OutputStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Lines at the end of a terminal's output that are drawn again in place, below lines that stay. */
export class LiveBlock {
  readonly #stream: OutputStream
  #drawn = 0

  constructor(stream: OutputStream) {
    this.#stream = stream
  }

  /** @param above lines that stay */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    const width = (this.#stream.columns || 80) - 1
    const cutLines = lines.map((line) => cut(line, width))
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\u001b[J`
    this.#stream.write(`${up}${[...above, ...cutLines].map((line) => `${line}\n`).join('')}`)
    this.#drawn = cutLines.length
  }
}
