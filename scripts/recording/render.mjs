// node scripts/recording/render.mjs LOG TIMING TITLE SVG: what scripts/record-demo has recorded, as an animated SVG.
import { readFileSync, writeFileSync } from 'node:fs'
import { animate } from './animate.mjs'
import { readSession } from './read-session.mjs'

const mostBytes = 500_000
const [log, timing, title, file] = process.argv.slice(2)
const svg = animate(readSession(readFileSync(log), readFileSync(timing, 'utf8')), title)
if (Buffer.byteLength(svg) > mostBytes) {
  process.stderr.write(
    `the SVG has ${Buffer.byteLength(svg)} bytes, more than ${mostBytes}: show fewer frames\n`,
  )
  process.exit(1)
}
writeFileSync(file, svg)
process.stdout.write(`${file}: ${Math.ceil(Buffer.byteLength(svg) / 1000)} kB\n`)
