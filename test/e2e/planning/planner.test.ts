import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { expectGoodMetrics } from '../fixtures/http/promtool.ts'
import { cli } from '../fixtures/lab/lab.ts'
import { until } from '../fixtures/routing/until.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-planner-'))
  await mkdir(join(folder, 'sites'))
  await writeSites()
  await writePrefixes('20.0.0.0/16')
  await writeVrps('192.0.2.0/24')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const writePrefixes = (...prefixes: string[]) =>
  writeFile(join(folder, 'sites/peer.txt'), prefixes.map((prefix) => `${prefix}\n`).join(''))
const writeVrps = (...prefixes: string[]) => {
  const roas = prefixes.map((prefix) => ({ prefix, maxLength: 24, asn: 64500 }))
  return writeFile(join(folder, 'sites/vrps.json'), JSON.stringify({ roas }))
}
const writeSites = async ({ fleet = '', neighbor = '' } = {}) => {
  await writeFile(join(folder, 'sites/fleet.yaml'), `${fleetYaml}${fleet}`)
  await writeFile(join(folder, 'sites/oslo.yaml'), siteYaml(neighbor))
}
const bundle = () => readFile(join(folder, 'out/oslo/oslo-a/bird.conf'), 'utf8')
const words = (...more: string[]) => [
  ...[cli, 'planner', '--sites', join(folder, 'sites'), '--out', join(folder, 'out')],
  ...['--state', join(folder, 'state'), ...more],
]

describe('planner --once', () => {
  const once = async () => {
    const { exitCode, stderr } = await execa(process.execPath, words('--once'), { reject: false })
    return { exitCode, stderr }
  }

  test('plans, checks with the daemon’s own parser, writes and exits 0', async () => {
    const { exitCode, stderr } = await once()
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(await bundle()).toContain('20.0.0.0/16')
    expect(eventsOf(stderr).at(-1)).toMatchObject({ event: 'planned', bundles: 1, changed: 1 })
  })

  test('exits 1 on an error in the sites, and leaves the bundles unchanged', async () => {
    await once()
    const before = await bundle()
    await writeSites({ neighbor: 'asn: 0,' })
    const { exitCode, stderr } = await once()
    expect(exitCode).toBe(1)
    expect(stderr).toContain('oslo.yaml')
    expect(await bundle()).toBe(before)
  })

  test('exits 2 where an IRR set cannot be read and there is no last good one, and prints what to do', async () => {
    await rm(join(folder, 'sites/peer.txt'))
    const { exitCode, stderr } = await once()
    expect(exitCode).toBe(2)
    expect(eventsOf(stderr).at(-1)).toMatchObject({
      level: 'error',
      event: 'failed',
      cause: 'feeds',
      problems: [
        {
          feed: 'peer.txt ipv4',
          reason: 'is not there',
          hint: `write one prefix per line to ${join(folder, 'sites/peer.txt')}`,
        },
      ],
    })
    await expect(bundle()).rejects.toThrow('ENOENT')
  })
})

describe('the long-running planner', () => {
  test('plans again on SIGHUP, keeps the last good bundles on an error, reports it, and ends on SIGTERM', async () => {
    const port = await freePort()
    const planner = execa(process.execPath, words('--listen', `127.0.0.1:${port}`), { reject: false })
    let stderr = ''
    planner.stderr.on('data', (text) => {
      stderr += text
    })
    const seen = async (what: string, wanted: Record<string, unknown>) => {
      await until(
        what,
        async () => {
          const events = eventsOf(stderr)
          const isThere = events.some((event) =>
            Object.entries(wanted).every(([key, value]) => event[key] === value),
          )
          return isThere ? null : stderr
        },
        { withinMs: 40_000 },
      )
      stderr = ''
    }
    const planAgain = () => planner.kill('SIGHUP')
    /** The result of a round is served a moment after its last line in the log. */
    const untilTold = (path: string, wanted: RegExp) =>
      until(`${path} tells ${wanted}`, async () => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`)
        const answer = `${response.status}\n${await response.text()}`
        return wanted.test(answer) ? null : answer
      })
    try {
      await seen('the first plan', { event: 'planned', changed: 1 })
      await untilTold('/healthz', /^200/)
      await untilTold('/metrics', /^anyward_planned_nodes\{service="vpn"\} 1$/m)

      await writePrefixes('20.0.0.0/16', '30.0.0.0/16')
      planAgain()
      await seen('the plan with the new prefix', { event: 'planned', changed: 1 })
      const good = await bundle()
      expect(good).toContain('30.0.0.0/16')

      await writeVrps('192.0.2.0/24', '198.51.100.0/24')
      await untilTold('/metrics', /^anyward_vrps 1$/m)
      planAgain()
      await untilTold('/metrics', /^anyward_vrps 2$/m)
      await expectGoodMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())

      planAgain()
      await seen('a plan in which nothing changes', { event: 'planned', changed: 0 })

      await writePrefixes()
      planAgain()
      await seen('the empty set', { event: 'feed', level: 'error', reason: 'has no IPv4 prefixes' })
      expect(await bundle()).toBe(good)
      await untilTold('/metrics', /^anyward_last_good_age_seconds\{feed="peer.txt ipv4"\} \d/m)

      await writeSites({ fleet: 'tpyo: 1\n' })
      planAgain()
      await seen('the mistake in the sites', { event: 'failed', cause: 'invalid' })
      expect(await bundle()).toBe(good)
      await untilTold('/healthz', /^503/)
      await untilTold('/metrics', /^anyward_plan_failures_total [1-9]/m)
      await untilTold('/metrics', /^anyward_irr_set_ranges\{set="peer.txt ipv4"\} 2$/m)
      await untilTold('/metrics', /^anyward_plan_timestamp_seconds 1\d{9}/m)

      await writeSites({ fleet: 'planner: { schedule: "* * * * *" }\n' })
      await writePrefixes('20.0.0.0/16', '30.0.0.0/16', '40.0.0.0/16')
      planAgain()
      await seen('the new schedule', { event: 'schedule', schedule: '* * * * *' })
      await until('the third prefix is there', async () =>
        (await bundle()).includes('40.0.0.0/16') ? null : 'it is not',
      )
      await untilTold('/healthz', /^200/)

      await writePrefixes('20.0.0.0/16', '30.0.0.0/16')
      await until(
        'the scheduled round removes the third prefix',
        async () => ((await bundle()).includes('40.0.0.0/16') ? stderr : null),
        { withinMs: 90_000, everyMs: 100 },
      )
    } finally {
      planner.kill('SIGTERM')
      await planner
    }
    expect((await planner).exitCode).toBe(0)
    expect(eventsOf(stderr).at(-1)).toMatchObject({ event: 'stopped' })
  }, 720_000)

  test('ends on SIGTERM while bgpq4 waits for an answer, and writes nothing', async () => {
    const silent = createServer()
    const asked = new Promise<void>((resolve) => silent.once('connection', () => resolve()))
    silent.on('connection', (socket) => socket.on('error', () => {}))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    await writeSites({
      fleet: `irr: { server: "127.0.0.1:${port}" }\n`,
      neighbor: 'irr: { asSet: AS-EXAMPLE },',
    })
    const planner = execa(process.execPath, words(), { reject: false })
    await asked
    planner.kill('SIGTERM')
    const { exitCode } = await planner
    silent.close()
    expect(exitCode).toBe(0)
    await expect(bundle()).rejects.toThrow('ENOENT')
  })
})

function eventsOf(stderr: string): Record<string, unknown>[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const fleetYaml = `asn: 64500
bogons: { allow: [192.0.2.0/24] }
rpki: { caches: [{ host: 127.0.0.1, port: 3323 }, { host: 127.0.0.2, port: 3323 }], vrps: { file: vrps.json } }
services:
  vpn:
    anycast: [192.0.2.1/32]
    covering: [192.0.2.0/24]
    wireguard:
      interface: wg0
      port: 51820
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [10.80.0.1/16]
    probe: { privateKeyFile: /etc/anyward/probe.key, address: 10.80.255.254 }
`

const siteYaml = (neighbor: string) => `site: oslo
nodes:
  - name: oslo-a
    daemon: bird
    routerId: 10.0.0.1
    services: [vpn]
    neighbors:
      - { name: peer1, kind: peer, address: 10.1.1.1, ${/^asn:/.test(neighbor) ? '' : 'asn: 64601, '}${neighbor} ${/irr:/.test(neighbor) ? '' : 'irr: { file: peer.txt }'} }
`
