import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { renderBlock } from '../../../src/lab/scenario/faults/endpoint.ts'
import { patience } from '../../patience.ts'
import { cli, expectServed, inside, type Lab, labDown, NeighborTables } from '../fixtures/lab/lab.ts'
import { findLeftovers } from '../fixtures/lab/leftovers.ts'

const sites = 'test/e2e/fixtures/fleet'
const patienceMs = patience(180_000)

function anyward(...args: string[]) {
  return anywardIn({}, ...args)
}

function anywardIn(env: Record<string, string>, ...args: string[]) {
  return execa(process.execPath, [cli, ...args], { reject: false, timeout: patience(150_000), env })
}

/** A PATH whose BIRD gives a neighbor's sessions another AS number, so that none of them comes up. */
async function pathWithSpoiledNeighbor(neighbor: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'lab-path-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  const { stdout: bird } = await execa('which', ['bird'])
  const spoil = `case "$*" in */neighbors/${neighbor}/*) sed -i 's/as 64601;/as 64999;/' "$3" ;; esac`
  await writeFile(join(dir, 'bird'), `#!/bin/sh\n${spoil}\nexec ${bird} "$@"\n`, { mode: 0o755 })
  return `${dir}:${process.env.PATH}`
}

/** Starts a command and returns as soon as it has printed that text on stderr. */
async function startUntil(step: string, ...args: string[]) {
  const child = execa(process.execPath, [cli, ...args], { reject: false, timeout: patience(150_000) })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes(step)) resolve()
    })
    child.once('exit', () => reject(new Error(`it ended without saying "${step}": ${said}`)))
  })
  // In an object: a child is a promise of its end, which an async function would wait for.
  return { child }
}

afterEach(labDown, patience(60_000))

describe('a lab that comes up', () => {
  test(
    'serves every client of a mixed fleet, and leaves nothing behind',
    async () => {
      const up = await anyward('lab', 'up', '--json', '--sites', 'test/e2e/fixtures/fleet-mixed')
      expect(up.exitCode, up.stderr).toBe(0)
      const lab = JSON.parse(up.stdout) as Lab
      expect(lab.nodes.map(({ name, daemon }) => `${name} ${daemon}`).sort()).toEqual([
        'lima-a bird',
        'oslo-a bird',
        'oslo-b frr',
        'rome-a frr',
      ])
      expect(lab.neighbors.map(({ name }) => name).sort()).toEqual([
        'carrier6',
        'lima-a-reflector',
        'oslo-a-carrier',
        'rome-a-carrier',
        'rome-a-reflector',
        'rs',
        'tor',
      ])
      const tor = lab.neighbors.find(({ name }) => name === 'tor')!
      expect(tor.sessions.map(({ node }) => node)).toEqual(['oslo-a', 'oslo-b'])

      await expectServed(lab.clients, 5)
      const node = lab.nodes.find(({ name }) => name === 'oslo-a')!
      const tables = new NeighborTables(lab, node)
      expect(await tables.read()).toEqual([
        'carrier6 2001:db8:51::/48',
        'carrier6 2001:db8:52::/48',
        'oslo-a-carrier 192.0.2.0/24',
        'tor 192.0.2.0/24',
        'tor 192.0.2.1/32',
      ])
      tables.close()

      const status = await inside(node, process.execPath, [cli, 'status', '--json'])
      expect(JSON.parse(status.stdout)).toMatchObject({ node: 'oslo-a' })
      const reply = await fetch(node.statusUrl)
      expect(await reply.json()).toMatchObject({ node: 'oslo-a' })

      const second = await anyward('lab', 'up', '--sites', sites)
      expect(second.exitCode).toBe(2)
      expect(second.stderr).toContain(
        `a lab is already on this machine: it runs ${resolve('test/e2e/fixtures/fleet-mixed')} since`,
      )
      expect(second.stderr).toContain('`anyward lab down` ends it')

      expect((await anyward('lab', 'down')).exitCode).toBe(0)
      expect(await findLeftovers()).toEqual([])
      expect((await anyward('lab', 'down')).exitCode).toBe(0)
    },
    patienceMs,
  )

  test(
    'is taken down by its namespaces when its state file is truncated or all its files are missing',
    async () => {
      for (const spoil of [
        () => writeFile('/run/anyward-lab/state.json', '{"format": 1, "nam'),
        () => rm('/run/anyward-lab', { recursive: true }),
      ]) {
        const up = await anyward('lab', 'up', '--no-controllers', '--sites', sites)
        expect(up.exitCode, up.stderr).toBe(0)
        await spoil()
        expect((await anyward('lab', 'down')).exitCode).toBe(0)
        expect(await findLeftovers()).toEqual([])
      }
    },
    patienceMs,
  )
})

describe('a lab that does not come up', () => {
  test(
    'names the missing session with its state, and leaves nothing behind',
    async () => {
      const PATH = await pathWithSpoiledNeighbor('oslo-transit')
      const up = await anywardIn({ PATH }, 'lab', 'up', '--timeout', '1ms', '--sites', sites)
      expect(up.exitCode).toBe(2)
      expect(up.stderr).toMatch(/the lab did not come up:\n(?:.*\n)*BGP oslo-a -- oslo-transit: \w+/)
      expect(await findLeftovers()).toEqual([])
    },
    patienceMs,
  )

  test.each(['wiring namespaces', 'starting daemons', 'waiting for BGP', 'waiting for announcements'])(
    'leaves nothing after `lab down` when it was killed while %s',
    async (step) => {
      const { child } = await startUntil(step, 'lab', 'up', '--sites', sites)
      child.kill('SIGKILL')
      await child
      expect((await anyward('lab', 'down')).exitCode).toBe(0)
      expect(await findLeftovers()).toEqual([])
    },
    patienceMs,
  )

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'is taken down on %s',
    async (signal) => {
      const { child } = await startUntil('starting daemons', 'lab', 'up', '--sites', sites)
      child.kill(signal)
      const result = await child
      expect(result.exitCode).toBe(2)
      expect(result.stderr).toContain('interrupted')
      expect(await findLeftovers()).toEqual([])
    },
    patienceMs,
  )

  test(
    'is ended by `lab down` from another process',
    async () => {
      // Early: the lab must not be up before `lab down` has started.
      const { child } = await startUntil('wiring namespaces', 'lab', 'up', '--sites', sites)
      expect((await anyward('lab', 'down')).exitCode).toBe(0)
      expect((await child).exitCode).toBe(2)
      expect(await findLeftovers()).toEqual([])
    },
    patienceMs,
  )
})

describe('a scenario in a lab', () => {
  test(
    'measures a dead endpoint at each neighbor, and finds no flap when a controller is killed',
    async () => {
      const names = ['wireguard-down', 'controller-killed']
      const run = await anyward('lab', 'run', ...names, '--no-client', '--json', '--sites', sites)
      const { scenarios } = JSON.parse(run.stdout) as {
        scenarios: {
          name: string
          node: string
          withdrawnMs: number | null
          restoredMs: number | null
          detail: string
        }[]
      }
      expect(scenarios.map(({ name, node }) => `${name} ${node}`)).toEqual([
        'wireguard-down oslo-a',
        'wireguard-down rome-a',
        'controller-killed oslo-a',
        'controller-killed rome-a',
      ])
      for (const { name, withdrawnMs, restoredMs, detail } of scenarios) {
        // The duration needs an idle machine; that the withdrawal happens and is measured is tested on any.
        if (name === 'wireguard-down') expect(withdrawnMs, run.stderr).toBeGreaterThan(0)
        else expect(detail).toContain('never lost a route')
        expect(restoredMs, run.stderr).toBeGreaterThan(0)
      }
      expect(await findLeftovers()).toEqual([])
    },
    patienceMs,
  )

  test('blocks the port of the kernel’s WireGuard with a ruleset that nft accepts', async () => {
    const check = ['--net', 'nft', '--check', '--file', '-']
    const { exitCode, stderr } = await execa('unshare', check, {
      input: renderBlock('lab_hung', 51820),
      reject: false,
    })
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
  })

  test('rejects an unknown scenario and an unknown node', async () => {
    const run = await anyward('lab', 'run', 'wireguard-up', '--sites', sites)
    expect(run.exitCode).toBe(2)
    expect(run.stderr).toContain('no scenario is called wireguard-up')
    expect((await anyward('lab', 'run', '--running')).stderr).toContain('no lab is up')
  })
})
