import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readState } from '../../src/lab/state.ts'
import { expectServed, type Lab, labDown, labUp } from '../e2e/fixtures/lab/lab.ts'
import { findLeftovers } from '../e2e/fixtures/lab/leftovers.ts'
import { expectScenario, minutes, rows, run, untilRestored } from './fixture/scenarios.ts'

/** Programs of the guest are late: three times the times of the mixed fleet, and no wait before an announcement. */
const probe = 'interval: 600ms, timeout: 900ms, holdDown: { initial: 0s }'

async function slowFleet(): Promise<string> {
  const sites = await mkdtemp(join(tmpdir(), 'anyward-three-sites-'))
  await cp('test/e2e/fixtures/fleet-mixed', sites, { recursive: true })
  for (const name of await readdir(sites)) {
    const file = join(sites, name)
    const text = await readFile(file, 'utf8')
    await writeFile(
      file,
      text.replaceAll('probe: {', `probe: { ${probe},`).replaceAll(/interval: [12]00ms/g, 'interval: 600ms'),
    )
  }
  return sites
}

describe('a lab of three sites, with four nodes and two services, on the kernel’s WireGuard', () => {
  let sites: string
  let lab: Lab
  let everything: string[]

  beforeAll(async () => {
    sites = await slowFleet()
    lab = await labUp(sites)
    everything = await rows(lab)
  }, minutes(5))
  afterAll(async () => {
    await labDown()
    await rm(sites, { recursive: true })
    expect(await findLeftovers()).toEqual([])
  }, minutes(3))

  /** Both nodes of the scenario are in Oslo. */
  async function whileOthersServe<T>(during: () => Promise<T>): Promise<T> {
    const others = { ...lab, nodes: lab.nodes.filter(({ name }) => !name.startsWith('oslo')) }
    const wanted = await rows(others)
    expect(others.nodes.length).toBe(2)
    const seen = new Set([wanted.join()])
    let done = false
    const looking = (async () => {
      while (!done) {
        seen.add((await rows(others)).join())
        await delay(200)
      }
    })()
    const result = await during().finally(() => {
      done = true
    })
    await looking
    expect([...seen]).toEqual([wanted.join()])
    return result
  }

  test(
    'serves every client through an interface of the kernel',
    async () => {
      expect((await readState())!.kernelWireguard).toBe(true)
      expect(lab.nodes.map(({ name, daemon }) => `${name} ${daemon}`).sort()).toEqual([
        'lima-a bird',
        'oslo-a bird',
        'oslo-b frr',
        'rome-a frr',
      ])
      expect(lab.clients.length).toBe(3)
      await expectServed(lab.clients, 15)
    },
    minutes(2),
  )

  test.each(['wireguard-down', 'wireguard-hung', 'wrong-key', 'peer-missing', 'drain'] as const)(
    'the scenario %s on both daemons at one site: the reason, the restoration, and the other sites keep serving',
    async (name) => {
      const results = await whileOthersServe(() => run(name, 'oslo-a', 'oslo-b'))
      expect(results.map(({ daemon }) => daemon).sort()).toEqual(['bird', 'frr'])
      for (const result of results) await expectScenario(name, result)
      await untilRestored(lab, everything)
    },
    minutes(5),
  )

  test(
    'a dead endpoint whose route reflector has no other announcer stays announced, and the report says why',
    async () => {
      const [result] = await run('wrong-key', 'lima-a')
      expect(result).toMatchObject({ passed: false, withdrawnMs: null })
      expect(result!.detail).toMatch(
        /; degrade \(last-site\) after [\d.]+ s; the controller did not withdraw; /,
      )
      await untilRestored(lab, everything)
    },
    minutes(3),
  )
})
