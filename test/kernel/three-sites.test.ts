import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readState } from '../../src/lab/state.ts'
import { type Lab, labDown, labUp, until } from '../e2e/fixtures/lab/lab.ts'
import { findLeftovers } from '../e2e/fixtures/lab/leftovers.ts'
import { patience } from '../patience.ts'
import { boundMs, minutes, reasons, rows, run } from './fixture/scenarios.ts'

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
  let lab: Lab & { clients: { name: string; namespace: string; tunnelAddress: string }[] }
  let everything: string[]

  beforeAll(async () => {
    sites = await slowFleet()
    lab = (await labUp(sites)) as typeof lab
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
      for (const { name, namespace, tunnelAddress } of lab.clients) {
        const server = tunnelAddress.includes(':') ? 'fd00:80::1' : '10.80.0.1'
        const argv = ['netns', 'exec', namespace, 'ping', '-c', '3', '-W', '15', server]
        expect((await execa('ip', argv, { reject: false })).exitCode, name).toBe(0)
      }
    },
    minutes(2),
  )

  test.each(['wireguard-down', 'wireguard-hung', 'wrong-key', 'peer-missing', 'drain'] as const)(
    'the scenario %s on both daemons at one site: the reason, the restoration, and the other sites keep serving',
    async (name) => {
      const results = await whileOthersServe(() => run(name, 'oslo-a', 'oslo-b'))
      expect(results.map(({ daemon }) => daemon).sort()).toEqual(['bird', 'frr'])
      for (const result of results) {
        const text = JSON.stringify(result)
        expect(result.detail).toMatch(reasons[name]!)
        expect(result.withdrawnMs, text).toBeGreaterThan(0)
        expect(result.withdrawnMs, text).toBeLessThanOrEqual(patience(await boundMs(name, result.node)))
        expect(result.restoredMs, text).toBeGreaterThan(0)
      }
      await until(
        'the neighbors have all routes again',
        () => rows(lab),
        (now) => now.join() === everything.join(),
      )
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
      await until(
        'the neighbors have all routes again',
        () => rows(lab),
        (now) => now.join() === everything.join(),
      )
    },
    minutes(3),
  )
})
