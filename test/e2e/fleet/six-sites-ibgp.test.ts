import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readStatus, Tables } from '../../../src/lab/readiness.ts'
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
import { labDown, labUp, until } from '../fixtures/lab/lab.ts'

// The six sites of all-sites-bad.test.ts without a store: they count each other over a full mesh of iBGP (decision 12).
const { signal } = new AbortController()
const limitMs = patience(180_000)
const names = ['ams1', 'fra1', 'lon1', 'par1', 'rom1', 'zrh1']
const minSites = 2
const tables = new Tables()
let dir: string
let stages: Stage[]

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

type Faults = Awaited<ReturnType<typeof breakEndpoint>>[]

/** Watches the neighbors during the work; afterwards every endpoint is repaired. */
async function withFaults(work: (faults: Faults) => Promise<void>) {
  const { state } = stages[0]!
  await waitUntilWell(state.nodes, signal)
  const faults = await Promise.all(stages.map(breakEndpoint))
  const watch = new SiteWatch(state, tables, new Set(serviceOf(stages[0]!).prefixes))
  try {
    await work(faults)
    return await watch.end()
  } finally {
    await watch.end().catch(() => {})
    for (const fault of faults) await fault.repair()
    await waitUntilWell(state.nodes, signal)
  }
}

/** Each of these has decided so, and stays with it; degraded as one of the last sites. */
async function untilRest(bad: readonly Stage[], wanted: 'withdraw' | 'degrade'): Promise<void> {
  const decided = () =>
    Promise.all(
      bad.map(async ({ node, wireguard }) => {
        const { services } = await readStatus(node)
        const { decision, reason } = services.find(({ name }) => name === wireguard.service)!
        return decision === 'degrade' && reason !== 'last-site' ? reason : decision
      }),
    )
  await until('they have decided', decided, (all) => all.every((decision) => decision === wanted))
  await waitForRest(bad, { as: 'any', forMs: 1500 }, signal)
}

/** The first site that is well announces normally, and with `minSites` of them the others withdraw. */
async function recover(faults: Faults): Promise<void> {
  for (const [at, fault] of faults.slice(0, minSites).entries()) {
    await fault.repair()
    await waitUntilWell([stages[at]!.node], signal)
  }
  await untilRest(stages.slice(minSites), 'withdraw')
}

test(
  'sites that fail one after the other: never fewer than minSites announce, and none is lost twice',
  async () => {
    const { least, losses } = await withFaults(async (faults) => {
      for (const [at, fault] of faults.entries()) {
        await fault.strike()
        const bad = stages.slice(0, at + 1)
        // With too few others left, also those that had withdrawn announce again, degraded.
        await untilRest(bad, stages.length - bad.length >= minSites ? 'withdraw' : 'degrade')
      }
      await recover(faults)
    })
    expect(least).toBeGreaterThanOrEqual(minSites)
    // Once on the way down, and once on the way up.
    for (const [site, count] of losses) expect(count, site).toBeLessThanOrEqual(2)
  },
  limitMs,
)

test(
  'sites that fail at once: all come to rest degraded, and the others go when two are well',
  async () => {
    const { losses } = await withFaults(async (faults) => {
      await Promise.all(faults.map((fault) => fault.strike()))
      await untilRest(stages, 'degrade')
      await recover(faults)
    })
    // Those that saw each other at that moment were gone for a round trip of iBGP.
    for (const [site, count] of losses) expect(count, site).toBeLessThanOrEqual(2)
  },
  limitMs,
)
