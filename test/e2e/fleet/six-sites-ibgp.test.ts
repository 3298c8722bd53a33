import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Tables } from '../../../src/lab/readiness.ts'
import {
  breakEndpoint,
  serviceOf,
  stagesOf,
  waitForRest,
  waitUntilWell,
} from '../../../src/lab/scenario/all-sites-bad.ts'
import type { Stage } from '../../../src/lab/scenario/scenario.ts'
import { SiteWatch } from '../../../src/lab/scenario/site-watch.ts'
import { readState } from '../../../src/lab/state.ts'
import { patience } from '../../patience.ts'
import { labDown, labUp } from '../fixtures/lab/lab.ts'

// The six sites of all-sites-bad.test.ts without a store: they count each other over a full mesh of iBGP (decision 12).
const { signal } = new AbortController()
const limitMs = patience(180_000)
const names = ['ams1', 'fra1', 'lon1', 'par1', 'rom1', 'zrh1']
const tables = new Tables()
let dir: string
let stages: Stage[]
let watch: SiteWatch

/** Each pair of nodes has a link of its own. */
function peersOf(site: string): string {
  const own = names.indexOf(site)
  const lines = names.flatMap((name, other) => {
    if (other === own) return []
    const link = `10.9.${16 * Math.min(own, other) + Math.max(own, other)}`
    const [near, far] = own < other ? [1, 2] : [2, 1]
    return `      - { name: to-${name}, kind: ibgp, asn: 64500, address: ${link}.${far}, localAddress: ${link}.${near} }\n`
  })
  return lines.join('')
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-ibgp-'))
  await cp('test/e2e/fleet/six-sites', dir, { recursive: true })
  for (const name of names) {
    const file = join(dir, `${name}.yaml`)
    await writeFile(file, `${await readFile(file, 'utf8')}${peersOf(name)}`)
  }
  await labUp(dir)
  stages = await stagesOf((await readState())!, [])
}, limitMs)
afterAll(async () => {
  tables.close()
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

async function begin() {
  const { state } = stages[0]!
  await waitUntilWell(state.nodes, signal)
  const faults = await Promise.all(stages.map(breakEndpoint))
  watch = new SiteWatch(state, tables, new Set(serviceOf(stages[0]!).prefixes))
  return faults
}

const atRest = (some: readonly Stage[] = stages) => waitForRest(some, { as: 'any', forMs: 1500 }, signal)

/** The first site that is well announces normally, and with `minSites` of them the others withdraw. */
async function recover(faults: Awaited<ReturnType<typeof begin>>) {
  const { minSites } = serviceOf(stages[0]!)
  for (const [at, fault] of faults.slice(0, minSites).entries()) {
    await fault.repair()
    await waitUntilWell([stages[at]!.node], signal)
  }
  await waitForRest(stages.slice(minSites), { as: 'withdrawn', forMs: 1000 }, signal)
  const seen = await watch.end()
  for (const fault of faults) await fault.repair()
  await waitUntilWell(
    stages.map(({ node }) => node),
    signal,
  )
  return seen
}

test(
  'sites that fail one after the other: never fewer than minSites announce, and none is lost twice',
  async () => {
    const faults = await begin()
    for (const [at, fault] of faults.entries()) {
      await fault.strike()
      await atRest(stages.slice(0, at + 1))
    }
    // With too few others left, also those that had withdrawn announce again, degraded.
    for (const { decision, reason } of await atRest()) {
      expect({ decision, reason }).toEqual({ decision: 'degrade', reason: 'last-site' })
    }
    const { least, losses } = await recover(faults)
    expect(least).toBeGreaterThanOrEqual(serviceOf(stages[0]!).minSites)
    // Once each, or never, before all are bad, and once at the recovery.
    for (const [site, count] of losses) expect(count, site).toBeLessThanOrEqual(2)
  },
  limitMs,
)

test(
  'sites that fail at once: all come to rest degraded, and the others go when two are well',
  async () => {
    const faults = await begin()
    await Promise.all(faults.map((fault) => fault.strike()))
    for (const { decision, reason } of await atRest()) {
      expect({ decision, reason }).toEqual({ decision: 'degrade', reason: 'last-site' })
    }
    const { losses } = await recover(faults)
    // Those that saw each other at that moment were gone for a round trip of iBGP.
    for (const [site, count] of losses) expect(count, site).toBeLessThanOrEqual(2)
  },
  limitMs,
)
