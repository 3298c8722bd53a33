import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { LastResort } from '../../../../src/node/withdraw/last-resort.ts'
import { RemovedAddresses } from '../../../../src/node/withdraw/removed-addresses.ts'

let runtimeDir: string
let onNode: Set<string>
let commands = 0
let refuseToAdd = false
const runIp = async ([, verb, address]: readonly string[]) => {
  commands += 1
  if (verb === 'del') onNode.delete(address!)
  if (verb === 'add' && refuseToAdd) throw new Error('Cannot find device "gone0"')
  if (verb === 'add') onNode.add(address!)
  const addr_info = [...onNode].map((text) => ({
    local: text.split('/')[0],
    prefixlen: Number(text.split('/')[1]),
  }))
  return verb === 'show' || address === 'show' ? JSON.stringify([{ ifname: 'lo', addr_info }]) : ''
}
const create = () => {
  const manifest = {
    paths: { runtimeDir },
    services: [
      { name: 'vpn', prefixes: [], anycast: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] },
      { name: 'other', prefixes: [], anycast: ['192.0.2.2'] },
    ],
  } as unknown as Manifest
  const addresses = new RemovedAddresses({
    manifest,
    runIp: async (args) => runIp(args[0] === '-j' ? ['', 'show'] : args),
  })
  return new LastResort({ manifest, addresses, say: () => {} })
}

beforeEach(() => {
  runtimeDir = mkdtempSync(join(tmpdir(), 'anyward-held-'))
  refuseToAdd = false
  onNode = new Set(['192.0.2.1/32', '192.0.2.2/32', '192.0.2.3/24'])
})
afterEach(() => rmSync(runtimeDir, { recursive: true }))

test('failure 7: after 3 s the addresses are removed, except those that are shared or have a subnet', async () => {
  const last = create()
  last.attempted({ dead: ['vpn'], carriedOut: false }, 0)
  last.attempted({ dead: ['vpn'], carriedOut: false }, 2900)
  await last.settle()
  expect(onNode).toContain('192.0.2.1/32')
  last.attempted({ dead: ['vpn'], carriedOut: false }, 3000)
  await last.settle()
  expect([...onNode]).toEqual(['192.0.2.2/32', '192.0.2.3/24'])
  expect(last.removed).toEqual([{ address: '192.0.2.1', prefixLength: 32, interface: 'lo' }])
})

test('the addresses are restored after the withdrawal, also by the next controller', async () => {
  const first = create()
  first.attempted({ dead: ['vpn'], carriedOut: false }, 0)
  first.attempted({ dead: ['vpn'], carriedOut: false }, 3000)
  await first.settle()
  const second = create()
  await second.load()
  expect(second.removed.length).toBe(1)
  second.attempted({ dead: ['vpn'], carriedOut: true }, 0)
  await second.settle()
  expect(onNode).toContain('192.0.2.1/32')
  expect(second.removed).toEqual([])
})

test.each([
  ['its daemon refuses', { dead: ['vpn'], carriedOut: false }],
  ['its address cannot be restored', { dead: [], carriedOut: true }],
])('while %s, `ip` runs less and less often', async (why, attempt) => {
  const last = create()
  if (attempt.carriedOut) {
    const held = [{ address: '192.0.2.9', prefixLength: 32, interface: 'gone0' }]
    writeFileSync(join(runtimeDir, 'held-addresses.json'), JSON.stringify({ format: 1, held }))
    refuseToAdd = true
  }
  const countIn = async (fromMs: number, untilMs: number) => {
    commands = 0
    for (let now = fromMs; now < untilMs; now += 250) {
      last.attempted(attempt, now)
      await last.settle()
    }
    return commands
  }
  expect(await countIn(0, 60_000), why).toBeGreaterThan(0)
  expect(await countIn(60_000, 120_000)).toBeLessThanOrEqual(6)
  // A change is acted on at once.
  last.attempted({ dead: ['vpn', 'other'], carriedOut: false }, 120_000)
  last.attempted({ dead: ['vpn', 'other'], carriedOut: false }, 123_000)
  await last.settle()
  expect(onNode).not.toContain('192.0.2.2/32')
})

test('what the guard removes while this process is stopped is restored when the neighbors have the routes', async () => {
  const last = create()
  const look = async (now: number) => {
    last.attempted({ dead: [], carriedOut: true }, now)
    await last.settle()
  }
  for (let now = 0; now < 60_000; now += 500) await look(now)
  onNode.delete('192.0.2.1/32')
  const held = [{ address: '192.0.2.1', prefixLength: 32, interface: 'lo' }]
  writeFileSync(join(runtimeDir, 'held-addresses.json'), JSON.stringify({ format: 1, held }))
  await look(60_000)
  await look(61_000)
  expect(onNode).toContain('192.0.2.1/32')
})

test('a damaged file restores nothing', async () => {
  const held = [{ address: '192.0.2.9', prefixLength: 32, interface: 'lo; reboot' }]
  writeFileSync(join(runtimeDir, 'held-addresses.json'), JSON.stringify({ format: 1, held }))
  const last = create()
  await last.load()
  last.attempted({ dead: [], carriedOut: true }, 0)
  await last.settle()
  expect(onNode.size).toBe(3)
})
