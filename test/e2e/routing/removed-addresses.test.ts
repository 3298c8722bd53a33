import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { acquireLock } from '../../../src/files/lock.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { RemovedAddresses } from '../../../src/node/withdraw/removed-addresses.ts'

const namespace = 'any-removed'
const anycast = ['192.0.2.1', '2001:db8:51::1']
let runtimeDir: string

const ip = async (args: readonly string[]) => (await execa('ip', ['-n', namespace, ...args])).stdout
const create = (runIp = ip, lockWaitMs = 60_000) =>
  new RemovedAddresses({ manifest: { paths: { runtimeDir } } as unknown as Manifest, runIp, lockWaitMs })
const full = (address: string) => `${address}/${address.includes(':') ? 128 : 32}`
const present = async () => {
  const [link] = JSON.parse(await ip(['-j', 'addr', 'show', 'dev', 'lo'])) as [
    { addr_info: { local: string }[] },
  ]
  return anycast.filter((address) => link.addr_info.some(({ local }) => local === address))
}

beforeAll(async () => {
  await execa('ip', ['netns', 'add', namespace])
  await ip(['link', 'set', 'lo', 'up'])
})
afterAll(() => execa('ip', ['netns', 'del', namespace]))
beforeEach(async () => {
  runtimeDir = mkdtempSync(join(tmpdir(), 'anyward-removed-'))
  for (const address of anycast) await ip(['addr', 'replace', full(address), 'dev', 'lo'])
})
afterEach(() => rmSync(runtimeDir, { recursive: true }))

test('when many processes remove the same addresses at once, the note is kept, and one of them restores the addresses', async () => {
  for (let round = 0; round < 4; round++) {
    const removers = Array.from({ length: 8 }, () => create())
    const problems = await Promise.all(removers.map((one) => one.remove(anycast)))
    expect(problems.flat()).toEqual([])
    expect(await present()).toEqual([])
    for (const one of removers) expect(one.removed.map(({ address }) => address)).toEqual(anycast)
    expect(await create().restore()).toEqual([])
    expect(await present()).toEqual(anycast)
    expect(readdirSync(runtimeDir)).toEqual(['held-addresses.lock'])
  }
})

test('when many processes restore the same addresses at once, none fails', async () => {
  await create().remove(anycast)
  const problems = await Promise.all(Array.from({ length: 8 }, () => create().restore()))
  expect(problems.flat()).toEqual([])
  expect(await present()).toEqual(anycast)
})

test('an address that another program removed meanwhile is noted and restored', async () => {
  const removed = create(async (args) => {
    if (args[0] === 'addr' && args[1] === 'del') await ip(args)
    return ip(args)
  })
  expect(await removed.remove(anycast)).toEqual([])
  expect(removed.removed.map(({ address }) => address)).toEqual(anycast)
  expect(await create().restore()).toEqual([])
  expect(await present()).toEqual(anycast)
})

test('a process that keeps the lock delays a removal, and does not prevent it', async () => {
  const lock = await acquireLock(join(runtimeDir, 'held-addresses.lock'))
  const problems = await create(ip, 50).remove(anycast)
  expect(problems).toEqual([expect.stringContaining(`is held by process ${process.pid}`)])
  expect(await present()).toEqual([])
  // The addresses are not restored while the lock is held: the next attempt does that.
  const removed = create(ip, 50)
  expect(await removed.restore()).toEqual(problems)
  expect(await present()).toEqual([])
  if (lock.outcome === 'locked') lock.release()
  expect(await removed.restore()).toEqual([])
  expect(await present()).toEqual(anycast)
})

test('where the note cannot be written, the process that removed the addresses restores them', async () => {
  rmSync(runtimeDir, { recursive: true })
  const removed = create()
  const problems = await removed.remove(anycast)
  expect(problems.join()).toMatch(
    /held-addresses\.lock cannot be opened.*held-addresses\.json cannot be written/,
  )
  expect(await present()).toEqual([])
  expect((await removed.load()).length).toBe(2)
  mkdirSync(runtimeDir)
  expect(await removed.restore()).toEqual([])
  expect(await present()).toEqual(anycast)
})

test('the note has the same content as before', async () => {
  await create().remove(anycast)
  expect(JSON.parse(readFileSync(join(runtimeDir, 'held-addresses.json'), 'utf8'))).toEqual({
    format: 1,
    held: [
      { address: '192.0.2.1', prefixLength: 32, interface: 'lo' },
      { address: '2001:db8:51::1', prefixLength: 128, interface: 'lo' },
    ],
  })
})
