import { parseArgs } from 'node:util'
import { check, printChecks, processorMs, round } from './shared/report.mjs'

const PREFIXES = 100_000
const ROUNDS = 3
const BOUNDS = { readMs: 2000, aggregateMs: 1000, growth: 20 }

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const load = (path) => import(new URL(`../../dist/${path}`, import.meta.url))
const { aggregateRanges } = await load('plan/irr/aggregate.js')
const { readIrrSet } = await load('plan/irr/read-set.js')

const rows = []
for (const family of ['ipv4', 'ipv6']) {
  for (const prefixes of [PREFIXES / 10, PREFIXES]) rows.push(measure(family, prefixes))
}
const checks = ['ipv4', 'ipv6'].flatMap((family) => {
  const [tenth, whole] = rows.filter((row) => row.family === family)
  return [
    check(`read ${PREFIXES} ${family} prefixes`, whole.readMs, BOUNDS.readMs, 'ms'),
    check(`aggregate ${PREFIXES} ${family} prefixes`, whole.aggregateMs, BOUNDS.aggregateMs, 'ms'),
    check(
      `aggregate, 10 times the ${family} prefixes`,
      round(whole.aggregateMs / tenth.aggregateMs),
      BOUNDS.growth,
      'x',
    ),
  ]
})
const ok = checks.every((one) => one.ok)
if (values.json) process.stdout.write(`${JSON.stringify({ ok, checks, rows }, null, 2)}\n`)
else {
  console.table(rows)
  printChecks(checks)
}
process.exitCode = ok ? 0 : 1

function measure(family, count) {
  const text = somePrefixes(family, count)
  const readMs = []
  const aggregateMs = []
  let ranges = 0
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    const start = processorMs()
    const set = readIrrSet(text, family)
    const read = processorMs()
    ranges = aggregateRanges(set.value.ranges).length
    aggregateMs.push(processorMs() - read)
    readMs.push(read - start)
  }
  return { family, prefixes: count, readMs: least(readMs), aggregateMs: least(aggregateMs), ranges }
}

/** As dense as the registrations of a large network: many siblings, some of them with their parent. */
function somePrefixes(family, count) {
  let seed = 1
  const next = (below) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  const prefixes = new Set()
  while (prefixes.size < count) {
    const length = 16 + next(9)
    const place = next(count * 4) - (next(count * 4) % 2 ** (24 - length))
    const bits = (Math.max(0, place) >>> (24 - length)) << (24 - length)
    const [first, second, third] = [bits >>> 16, (bits >>> 8) & 255, bits & 255]
    prefixes.add(
      family === 'ipv4'
        ? `${20 + first}.${second}.${third}.0/${length}`
        : `2a${first.toString(16).padStart(2, '0')}:${((second << 8) | third).toString(16)}::/${8 + length}`,
    )
  }
  return [...prefixes].join('\n')
}

/** Slower runs have another cause: the compiler, or other programs in the cache. */
function least(numbers) {
  return round(Math.min(...numbers))
}
