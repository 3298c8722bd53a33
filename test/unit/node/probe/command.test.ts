import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { probeCommand } from '../../../../src/cli/commands/node/probe.ts'
import { reportFailure } from '../../../../src/cli/failure.ts'
import { keyPairOf } from '../../../../src/node/wireguard/key.ts'
import { Responder } from '../wireguard/responder.ts'

const secret = Buffer.alloc(32, 3)
const secretText = secret.toString('base64')
let folder = ''
let keyFile = ''
let responder: Responder

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-probe-'))
  keyFile = join(folder, 'key')
  await writeFile(keyFile, `${secretText}\n`, { mode: 0o600 })
  responder = await Responder.start({ clientPublicKey: keyPairOf(secret).publicKey })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await responder.stop()
  await rm(folder, { recursive: true })
})

/** Runs `anyward probe` in this process. */
async function run(words: readonly string[]): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  const written = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += text
      return true
    })
  }
  const before = process.exitCode
  process.exitCode = 0
  try {
    const program = new Command('anyward').option('--json').exitOverride().addCommand(probeCommand())
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    process.exitCode = reportFailure(error)
  } finally {
    vi.restoreAllMocks()
  }
  const exitCode = Number(process.exitCode)
  process.exitCode = before
  return { ...written, exitCode }
}

const endpoint = () => `${responder.endpoint.address}:${responder.endpoint.port}`
const words = (more: Record<string, string> = {}) => {
  const options = {
    endpoint: endpoint(),
    'public-key': responder.keys.publicKey.toString('base64'),
    'private-key-file': keyFile,
    timeout: '5s',
    ...more,
  }
  return ['probe', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])]
}

describe('anyward probe', () => {
  it('prints one line where the endpoint answers', async () => {
    const result = await run(words({ address: '10.80.255.254', ping: '10.80.0.1' }))
    expect(result.stdout).toMatch(
      /^127\.0\.0\.1:\d+ answers: handshake \d+\.\d ms, ping 10\.80\.0\.1 \d+\.\d ms\n$/,
    )
    expect(result).toMatchObject({ stderr: '', exitCode: 0 })
  })

  it('prints its times and its counts as JSON', async () => {
    const result = await run(['--json', ...words({ count: '3', interval: '40ms' })])
    expect(JSON.parse(result.stdout)).toEqual({
      ok: true,
      reason: null,
      handshakeMs: expect.any(Number),
      pings: [],
      sent: 3,
      answered: 3,
    })
  })

  it('exits with 1 and prints the reason and what to do where the handshake is not answered', async () => {
    responder.play = 'silent'
    const result = await run(words({ timeout: '1s' }))
    expect(result.stdout).toContain(`${endpoint()} did not answer within 1000 ms [handshake: no-reply]`)
    expect(result.stdout).toContain(keyPairOf(secret).publicKey.toString('base64'))
    expect(result.stdout + result.stderr).not.toContain(secretText.slice(0, 12))
    expect(result.exitCode).toBe(1)
  })

  it('exits with 1 and prints the time of the handshake where only the ping is not answered', async () => {
    responder.play = 'no-echo'
    const ping = { address: '10.80.255.254', ping: '10.80.0.1', timeout: '1s' }
    const text = await run(words(ping))
    expect(text.stdout).toContain('[ping: no-reply]')
    expect(text.stdout).toContain('The handshake works, but the tunnel behind it does not.')
    const json = await run(['--json', ...words(ping)])
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      reason: 'no-reply',
      handshakeMs: expect.any(Number),
      pings: [{ target: '10.80.0.1', rttMs: null }],
    })
    expect(json.exitCode).toBe(1)
  })

  const bad: [string, Record<string, string>, string][] = [
    ['an endpoint without a port', { endpoint: '192.0.2.1' }, 'Write one such as 192.0.2.1:51820'],
    ['a name as an endpoint', { endpoint: 'vpn.example:51820' }, '"vpn.example" is not an IP address'],
    ['port 0', { endpoint: '192.0.2.1:0' }, 'A port is 1 to 65535.'],
    ['port 65536', { endpoint: '192.0.2.1:65536' }, 'A port is 1 to 65535.'],
    [
      'IPv6 without brackets',
      { endpoint: '2001:db8::1:51820' },
      'Write one such as 192.0.2.1:51820 or [2001:db8::1]',
    ],
    ['IPv4 in brackets', { endpoint: '[192.0.2.1]:51820' }, 'Write an IPv6 address in brackets'],
    ['a count of 0', { count: '0' }, 'Write a whole number from 1'],
    ['a duration without a unit', { timeout: '300' }, 'Write one such as 300ms or 2s'],
    ['a ping without a source address', { ping: '10.80.0.1' }, 'add --address with the IPv4 address'],
    [
      'a ping of the other family',
      { address: '10.80.255.254', ping: 'fd00::1' },
      'add --address with the IPv6',
    ],
    ['no key file', { 'private-key-file': '/nowhere/key' }, '--private-key-file /nowhere/key does not exist'],
  ]
  it.each(bad)('exits with 2 for %s', async (_what, more, message) => {
    const result = await run(words(more))
    expect(result.stderr).toContain(message)
    expect(result).toMatchObject({ stdout: '', exitCode: 2 })
  })

  it('does not quote an invalid public key: it may be a secret', async () => {
    const result = await run(words({ 'public-key': `${secretText}x` }))
    expect(result.stderr).toContain('--public-key is not')
    expect(result.stderr).not.toContain(secretText.slice(0, 12))
    expect(result.exitCode).toBe(2)
  })

  it('does not quote an invalid key file', async () => {
    await writeFile(keyFile, secretText.slice(0, 30))
    const result = await run(words())
    expect(result.stderr).toContain('is not a WireGuard key')
    expect(result.stderr).not.toContain(secretText.slice(0, 12))
    expect(result.exitCode).toBe(2)
  })
})
