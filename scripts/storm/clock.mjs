// Preloaded into each controller and guard: shifts their wall clock by the offset in a file beside their bundle.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const at = process.argv.indexOf('--bundle')
if (at !== -1) {
  const file = join(dirname(process.argv[at + 1]), 'clock-offset')
  const realNow = Date.now
  let offsetMs = 0
  let readAt = Number.NEGATIVE_INFINITY
  const now = () => {
    if (performance.now() - readAt > 100) {
      readAt = performance.now()
      try {
        offsetMs = Number(readFileSync(file, 'utf8')) || 0
      } catch {
        offsetMs = 0
      }
    }
    return realNow() + offsetMs
  }
  const RealDate = Date
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(now())
      else super(...args)
    }

    static now() {
      return now()
    }
  }
}
