import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WireguardClient } from '../../../../src/node/wireguard/client.ts'
import {
  agree,
  generateKeyPair,
  keyPairOf,
  parseKey,
  parsePublicKey,
  publicKeyObject,
} from '../../../../src/node/wireguard/key.ts'
import { readKeyFile } from '../../../../src/node/wireguard/key-file.ts'

const good = Buffer.alloc(32, 0x5a).toString('base64')
const hex = (text: string) => Buffer.from(text, 'hex')

describe('a key', () => {
  it('is read with the trailing newline that wg writes', () => {
    expect(parseKey(`${good}\n`)).toEqual({ ok: true, value: Buffer.alloc(32, 0x5a) })
  })

  const bad: [string, string, string][] = [
    ['nothing', ' \n', 'is empty'],
    [
      '31 bytes',
      Buffer.alloc(31, 1).toString('base64'),
      'is not a WireGuard key, which is 32 bytes in base64',
    ],
    [
      '33 bytes',
      Buffer.alloc(33, 1).toString('base64'),
      'is not a WireGuard key, which is 32 bytes in base64',
    ],
    ['hex', 'ab'.repeat(32), 'is not a WireGuard key, which is 32 bytes in base64'],
    ['bits after the last byte', `${good.slice(0, 42)}p=`, 'is not canonical base64'],
    ['no padding', good.slice(0, 43), 'is not canonical base64'],
    ['the URL alphabet', Buffer.alloc(32, 0xff).toString('base64url'), 'is not canonical base64'],
    ['a second key after it', `${good}\n${good}`, 'is not canonical base64'],
  ]
  it.each(bad)('is refused when it is %s, and the message does not quote it', (_name, text, problem) => {
    const parsed = parseKey(text)
    expect(parsed).toMatchObject({ ok: false, problem })
    if (text.trim() !== '') expect(JSON.stringify(parsed)).not.toContain(text.trim().slice(0, 12))
  })

  it('is refused as a public key when it is a point of low order', () => {
    expect(parsePublicKey(Buffer.alloc(32).toString('base64'))).toMatchObject({
      ok: false,
      problem: 'is not a usable public key',
    })
    expect(parsePublicKey(generateKeyPair().publicKey.toString('base64'))).toMatchObject({ ok: true })
  })

  it('agrees with the other side as in RFC 7748, section 6.1', () => {
    const alice = keyPairOf(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'))
    const bob = keyPairOf(hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'))
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
    expect(alice.publicKey.toString('hex')).toBe(
      '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    )
    expect(agree(alice.privateKey, publicKeyObject(bob.publicKey))?.toString('hex')).toBe(shared)
    expect(agree(bob.privateKey, publicKeyObject(alice.publicKey))?.toString('hex')).toBe(shared)
  })

  it('is not printed when a client that has it is inspected', () => {
    const privateKey = Buffer.alloc(32, 0x5a)
    const presharedKey = Buffer.alloc(32, 0x77)
    const client = new WireguardClient({
      privateKey,
      presharedKey,
      serverPublicKey: generateKeyPair().publicKey,
      endpoints: [],
    })
    const shown = inspect(client, { depth: 9, showHidden: true }) + JSON.stringify(client)
    expect(shown).not.toMatch(/5a5a5a|5a 5a 5a|WlpaWl|77 77 77|777777|d3d3d3/)
  })
})

describe('a key file', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anyward-key-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('returns its key', async () => {
    await writeFile(join(folder, 'key'), `${good}\n`)
    expect(await readKeyFile(join(folder, 'key'))).toEqual({ ok: true, key: Buffer.alloc(32, 0x5a) })
  })

  it('that does not exist is distinguished from one that cannot be read', async () => {
    expect(await readKeyFile(join(folder, 'none'))).toMatchObject({ ok: false, problem: 'does not exist' })
    expect(await readKeyFile(folder)).toMatchObject({ ok: false, problem: 'cannot be read (EISDIR)' })
  })

  it('that is invalid is refused without a part of its content', async () => {
    await writeFile(join(folder, 'key'), good.slice(0, 40))
    const file = await readKeyFile(join(folder, 'key'))
    expect(file).toMatchObject({ ok: false, problem: 'is not a WireGuard key, which is 32 bytes in base64' })
    expect(JSON.stringify(file)).not.toContain(good.slice(0, 12))
  })
})
