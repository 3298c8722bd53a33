import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { check, processorMs, round, runBench, runCommand } from './shared/report.mjs'

// The number of VRPs worldwide at the end of 2025.
const WORLD = 787_737
const IPV6_SHARE = 0.24
const VALIDATIONS = 1_000_000
// In 2100: an expired VRP is not indexed.
const unexpired = 4_102_444_800
const BOUNDS = {
  commandMs: 2500,
  loadMs: 2500,
  peakMb: 600,
  validationsMs: 1000,
  loadGrowth: 12,
  validationGrowth: 4,
}

await runBench({ file: fileURLToPath(import.meta.url), prepare, measure, judge, describe })

async function* prepare(folder) {
  for (const vrps of [Math.round(WORLD / 10), WORLD]) {
    const what = join(folder, `${vrps}.json`)
    await writeVrps(what, vrps)
    yield { what, vrps, fileMb: round((await stat(what)).size / 1e6) }
  }
}

function judge([tenth, full]) {
  return [
    check(`anyward preflight with ${full.vrps} VRPs`, full.commandMs, BOUNDS.commandMs, 'ms'),
    check(`load ${full.vrps} VRPs: read, parse, index`, full.loadMs, BOUNDS.loadMs, 'ms'),
    check('peak memory of that', full.peakMb, BOUNDS.peakMb, 'MB'),
    check(`${VALIDATIONS} validations`, full.validationsMs, BOUNDS.validationsMs, 'ms'),
    check('load, 10 times the VRPs', round(full.loadMs / tenth.loadMs), BOUNDS.loadGrowth, 'x'),
    check(
      'validation, 10 times the VRPs',
      round(full.validationsMs / tenth.validationsMs),
      BOUNDS.validationGrowth,
      'x',
    ),
  ]
}

function describe({ vrps, fileMb, commandMs, commandWallMs, loadMs, peakMb, validationsMs, states }) {
  const shares = Object.entries(states).map(([state, routes]) => `${state} ${routes}`)
  return `${vrps} VRPs, ${fileMb} MB: preflight ${commandMs} ms (${commandWallMs} ms by the clock); load ${loadMs} ms, ${peakMb} MB; ${validationsMs} ms (${shares.join(', ')})`
}

/** Medians of three runs, in processor time; the memory is that of the first run. */
async function measure(file) {
  const commands = Array.from({ length: 3 }, () =>
    runCommand([
      'preflight',
      '--sites',
      fileURLToPath(new URL('../../sites', import.meta.url)),
      '--vrps',
      file,
    ]),
  )
  const { readVrpFile } = await import('../../dist/plan/feeds/vrp-file.js')
  const loads = []
  let peakMb = 0
  let vrps
  for (let time = 0; time < 3; time += 1) {
    const startMs = processorMs()
    const read = await readVrpFile(file, Date.now())
    if (!read.ok) throw new Error(read.reason)
    vrps = read.vrps
    loads.push(processorMs() - startMs)
    if (time === 0) peakMb = (process.resourceUsage().maxRSS * 1024) / 1e6
  }
  const routes = await makeRoutes(vrps)
  const times = []
  const states = {}
  for (let time = 0; time < 3; time += 1) {
    const startMs = processorMs()
    for (const { prefix, origin } of routes) vrps.validate(prefix, origin)
    times.push(processorMs() - startMs)
  }
  for (const { prefix, origin } of routes) {
    const state = vrps.validate(prefix, origin)
    states[state] = (states[state] ?? 0) + 1
  }
  return {
    commandMs: median(commands.map((command) => command.processorMs)),
    commandWallMs: median(commands.map((command) => command.wallMs)),
    loadMs: round(median(loads)),
    peakMb: round(peakMb),
    validationsMs: round(median(times)),
    states,
  }
}

/** Similar to the global table: mostly valid, some not found, a few invalid. */
async function makeRoutes(vrps) {
  const { Address, prefixOf } = await import('../../dist/net/prefix.js')
  const { vrpAt } = await import('../../dist/plan/rpki/vrp-set.js')
  const random = randomOf(2)
  return Array.from({ length: VALIDATIONS }, () => {
    const family = random() < IPV6_SHARE ? 'ipv6' : 'ipv4'
    if (random() < 0.3) {
      const value = family === 'ipv6' ? BigInt(Math.floor(random() * 2 ** 48)) << 80n : randomIpv4(random)
      const address = new Address(family, BigInt(value))
      return { prefix: prefixOf(address, family === 'ipv6' ? 48 : 24), origin: 64500 }
    }
    const table = vrps.tables[family]
    const { prefix, maxLength, asn } = vrpAt(table, family, Math.floor(random() * table.size))
    const longest = family === 'ipv6' ? 48 : 24
    const length = Math.max(prefix.length, random() < 0.05 ? longest : Math.min(maxLength, longest))
    return { prefix: prefixOf(prefix.network, length), origin: random() < 0.02 ? 64500 : asn }
  })
}

/** Output of rpki-client with that many VRPs, distributed like the real ones; the same each time. */
async function writeVrps(file, size) {
  const random = randomOf(1)
  const stream = createWriteStream(file)
  stream.write(
    '{\n\t"metadata": {\n\t\t"buildmachine": "bench",\n\t\t"buildtime": "2025-12-31T00:00:00Z"\n\t},\n\n\t"roas": [\n',
  )
  let chunk = ''
  let asn = 0
  for (let index = 0; index < size; index += 1) {
    // An AS has about ten VRPs, and a validator sorts by AS.
    if (index % 10 === 0) asn = pick(random, [1 + random() * 65000, 131072 + random() * 270000])
    const ta = pick(random, ['afrinic', 'apnic', 'arin', 'lacnic', 'ripe'])
    const { prefix, maxLength } = random() < IPV6_SHARE ? randomVrp6(random) : randomVrp4(random)
    const comma = index === size - 1 ? '' : ','
    chunk += `\t\t{ "asn": ${Math.floor(asn)}, "prefix": "${prefix}", "maxLength": ${maxLength}, "ta": "${ta}", "expires": ${unexpired + (index % 86400)} }${comma}\n`
    if (chunk.length > 1e6) {
      if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve))
      chunk = ''
    }
  }
  stream.end(`${chunk}\t],\n\n\t"bgpsec_keys": [\n\t],\n\n\t"aspas": [\n\t]\n}\n`)
  await finished(stream)
}

function randomVrp4(random) {
  const length = random() < 0.55 ? 24 : 14 + Math.floor(random() * 11)
  const value = Math.floor(randomIpv4(random) / 2 ** (32 - length)) * 2 ** (32 - length)
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256)
  const maxLength = random() < 0.18 ? Math.max(length, 24) : length
  return { prefix: `${octets.join('.')}/${length}`, maxLength }
}

function randomVrp6(random) {
  const first = pick(random, [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00]) + Math.floor(random() * 16)
  const second = Math.floor(random() * 65536)
  const isLong = random() < 0.6
  const third = isLong ? `:${Math.floor(random() * 65536).toString(16)}` : ''
  const length = isLong ? 48 : 32
  const maxLength = random() < 0.2 ? 48 : length
  return { prefix: `${first.toString(16)}:${second.toString(16)}${third}::/${length}`, maxLength }
}

function randomIpv4(random) {
  return Math.floor((1 + random() * 222) * 2 ** 24)
}

function pick(random, list) {
  return list[Math.floor(random() * list.length)]
}

/** mulberry32: the same numbers each time. */
function randomOf(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}
