// What a terminal shows: as much of ECMA-48 and xterm as Anyward's commands and its demo write.

const blank = { text: ' ', style: '' }
// biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences begin with one
const sequence = /\u001b\[([?\d;]*)([A-Za-z])|[\s\S]/gu

/** `style` of a cell: its SGR attributes, such as `1 31`. */
export class Terminal {
  #columns
  #rows
  #grid
  #main = null
  #row = 0
  #column = 0
  #styles = new Set()

  constructor(columns, rows) {
    this.#columns = columns
    this.#rows = rows
    this.#grid = this.#empty()
  }

  /** The lines of the terminal, without spaces at their ends. */
  get lines() {
    return this.#grid.map((cells) =>
      cells
        .map(({ text }) => text)
        .join('')
        .trimEnd(),
    )
  }

  /** Each line as its cells. */
  get cells() {
    return this.#grid
  }

  get isAlternate() {
    return this.#main !== null
  }

  /** As the terminal of a user: `columns` and `rows` change, and the text stays where it is. */
  resize(columns, rows) {
    this.#columns = columns
    this.#rows = rows
    const old = this.#grid
    this.#grid = this.#empty().map((line, row) => line.map((cell, column) => old[row]?.[column] ?? cell))
  }

  write(text) {
    for (const [all, parameters, final] of text.matchAll(sequence)) {
      if (final !== undefined) this.#control(parameters, final)
      else if (all === '\r') this.#column = 0
      else if (all === '\n') this.#feed()
      else if (all >= ' ') this.#put(all)
    }
  }

  #empty() {
    return Array.from({ length: this.#rows }, () => Array.from({ length: this.#columns }, () => blank))
  }

  #put(text) {
    // Without wrapping: the programs keep within the width, or have switched it off.
    const column = Math.min(this.#column, this.#columns - 1)
    this.#grid[this.#row][column] = { text, style: [...this.#styles].join(' ') }
    this.#column += 1
  }

  #feed() {
    if (this.#row < this.#rows - 1) {
      this.#row += 1
      return
    }
    this.#grid.shift()
    this.#grid.push(Array.from({ length: this.#columns }, () => blank))
  }

  #control(parameters, final) {
    const [first = 0, second = 0] = parameters.split(';').map(Number)
    if (final === 'H') {
      this.#row = Math.min(Math.max(1, first), this.#rows) - 1
      this.#column = Math.max(1, second) - 1
    } else if (final === 'A') this.#row = Math.max(0, this.#row - Math.max(1, first))
    else if (final === 'K') this.#eraseInLine(first)
    else if (final === 'J' && first === 2) this.#grid = this.#empty()
    else if (final === 'J') this.#eraseBelow()
    else if (final === 'm') this.#style(parameters)
    else if (parameters === '?1049') this.#switch(final === 'h')
  }

  /** 0: from the cursor; 1: up to it; 2: all. */
  #eraseInLine(which) {
    const isErased = (column) =>
      which === 2 || (which === 1 ? column <= this.#column : column >= this.#column)
    this.#grid[this.#row] = this.#grid[this.#row].map((cell, column) => (isErased(column) ? blank : cell))
  }

  #eraseBelow() {
    this.#eraseInLine(0)
    const below = this.#empty().slice(this.#row + 1)
    this.#grid.splice(this.#row + 1, below.length, ...below)
  }

  #style(parameters) {
    for (const code of parameters.split(';')) {
      if (code === '' || code === '0') this.#styles.clear()
      else if (code === '39')
        for (const color of [...this.#styles].filter((one) => one.length === 2)) this.#styles.delete(color)
      else if (code === '22') for (const weight of ['1', '2']) this.#styles.delete(weight)
      else this.#styles.add(code)
    }
  }

  #switch(toAlternate) {
    if (toAlternate) {
      this.#main ??= { grid: this.#grid, row: this.#row, column: this.#column }
      this.#grid = this.#empty()
    } else if (this.#main !== null) {
      this.#grid = this.#main.grid
      this.#row = this.#main.row
      this.#column = this.#main.column
      this.#main = null
    }
  }
}
