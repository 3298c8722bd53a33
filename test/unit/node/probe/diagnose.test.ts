import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { diagnose } from '../../../../src/node/probe/diagnose.ts'

const target = {
  interface: 'wg0',
  port: 51820,
  publicKey: 'SERVER=',
  probePublicKey: 'PROBE=',
  probeAddress: '10.80.255.254',
}
const healthy = {
  'public-key': 'SERVER=\n',
  'listen-port': '51820\n',
  'allowed-ips': 'OTHER=\t10.80.0.7/32 fd00::7/128\nPROBE=\t10.80.255.254/32\n',
}
const path = process.env.PATH
let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-wg-'))
})
afterEach(async () => {
  process.env.PATH = path
  await rm(folder, { recursive: true })
})

/** Puts a `wg` first on the PATH that prints this, and records its arguments. */
async function pretend(answers: Partial<typeof healthy>, otherwise = 'exit 1'): Promise<void> {
  const cases = Object.entries(answers).map(
    ([field, text]) => `"show wg0 ${field}") printf '%s' '${text}' ;;`,
  )
  const script = `#!/bin/sh\necho "$*" >> ${folder}/calls\ncase "$*" in\n${cases.join('\n')}\n*) ${otherwise} ;;\nesac\n`
  await writeFile(join(folder, 'wg'), script)
  await chmod(join(folder, 'wg'), 0o755)
  process.env.PATH = `${folder}${delimiter}${path}`
}

const patience = () => AbortSignal.timeout(20_000)

describe('the diagnosis of a silent WireGuard', () => {
  it('finds nothing where the configuration is correct', async () => {
    await pretend(healthy)
    expect(await diagnose(target, patience())).toBeNull()
  })

  const found: [string, Partial<typeof healthy>, string][] = [
    ['another key', { 'public-key': 'ELSE=\n' }, 'wrong-key'],
    ['no key', { 'public-key': '(none)\n' }, 'wrong-key'],
    ['another port', { 'listen-port': '51821\n' }, 'wrong-port'],
    ['no peer for the probe', { 'allowed-ips': 'OTHER=\t10.80.0.0/16\n' }, 'peer-missing'],
    ['no peers', { 'allowed-ips': '' }, 'peer-missing'],
    ["a peer without the probe's address", { 'allowed-ips': 'PROBE=\t10.80.255.253/32\n' }, 'peer-missing'],
    ['a peer without addresses', { 'allowed-ips': 'PROBE=\t(none)\n' }, 'peer-missing'],
  ]
  it.each(found)('finds %s', async (_what, answer, cause) => {
    await pretend({ ...healthy, ...answer })
    expect(await diagnose(target, patience())).toBe(cause)
  })

  it("takes a wider prefix for the probe's address", async () => {
    await pretend({ ...healthy, 'allowed-ips': 'PROBE=\tfd00::/64 10.80.255.0/24\n' })
    expect(await diagnose(target, patience())).toBeNull()
  })

  it('is hung when wg does not answer in time', async () => {
    await pretend({}, 'exec sleep 30')
    const startedAt = performance.now()
    const isProcess = () => true
    expect(await diagnose(target, AbortSignal.timeout(100), isProcess)).toBe('hung')
    expect(performance.now() - startedAt).toBeLessThan(15_000)
    expect(await diagnose(target, AbortSignal.abort(), isProcess)).toBe('hung')
  })

  it('finds nothing where wg is late, and the kernel has the interface', async () => {
    await pretend({}, 'exec sleep 30')
    expect(await diagnose(target, AbortSignal.timeout(100))).toBeNull()
  })

  it('finds nothing where the interface does not exist', async () => {
    await pretend({})
    expect(await diagnose(target, patience())).toBeNull()
  })

  it('reports that the program wg is missing', async () => {
    process.env.PATH = folder
    expect(await diagnose(target, patience())).toBe('no-wg')
  })
})
