// For `node --import`: shifts the wall clock by the milliseconds in a file, as when the clock is set.
import { readFileSync } from 'node:fs'

const file = process.env.ANYWARD_TEST_CLOCK
const RealDate = Date
let shiftMs = 0
let readAt = Number.NEGATIVE_INFINITY

function now() {
  if (performance.now() > readAt + 20) {
    readAt = performance.now()
    shiftMs = Number(readFileSync(file, 'utf8'))
  }
  return RealDate.now() + shiftMs
}

globalThis.Date = class extends RealDate {
  constructor(...words) {
    super(...(words.length === 0 ? [now()] : words))
  }

  static now() {
    return now()
  }
}
