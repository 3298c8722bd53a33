import { describe, expect, test } from 'vitest'
import { fingerprintOf, isSignatureOf, readSignature } from '../../../src/bundle/ssh-signature.ts'
import { makeSigner, signAs } from './signer.ts'

/** Made by OpenSSH 9.2p1: `echo hello | ssh-keygen -Y sign -f KEY -n anyward-bundle`. */
const byOpenSsh = `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgA8A5Fups0zJReHxrW+zZk5nF+Q
q/E1P8UjYR42KSecMAAAAOYW55d2FyZC1idW5kbGUAAAAAAAAABnNoYTUxMgAAAFMAAAAL
c3NoLWVkMjU1MTkAAABAGI/ItXI9ThhUBD0D/dQ0DmvSAB5eKLvZdDLgEbUt9qbfcLAJFy
9vVpg7xo5LfuUtUUuNYxpM9q5wdsFDLC6SAQ==
-----END SSH SIGNATURE-----
`
const keyOfOpenSsh = 'AAAAC3NzaC1lZDI1NTE5AAAAIAPAORbqbNMyUXh8a1vs2ZOZxfkKvxNT/FI2EeNiknnD'

const read = (text: string) => {
  const result = readSignature(text)
  if (!result.ok) throw new Error(result.problem)
  return result.signature
}

test('a signature that ssh-keygen has made is good for its message and no other, and names its key', () => {
  const signature = read(byOpenSsh)
  expect(signature.key).toBe(keyOfOpenSsh)
  expect(fingerprintOf(signature.key)).toBe('SHA256:TcoG0+Wxjgkq8yiQ2uUQGVklUsmWRihc7A0Cv/oD9cM')
  expect(isSignatureOf(Buffer.from('hello\n'), signature)).toBe(true)
  expect(isSignatureOf(Buffer.from('hello'), signature)).toBe(false)
})

test('no bit of a signature can be changed', () => {
  const base64 = byOpenSsh.replaceAll(/-----.*-----|\n/g, '')
  const bytes = Buffer.from(base64, 'base64')
  const accepted = [...bytes.keys()].flatMap((at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1 << bit
      const result = readSignature(
        `-----BEGIN SSH SIGNATURE-----\n${changed.toString('base64')}\n-----END SSH SIGNATURE-----\n`,
      )
      if (!result.ok) return false
      const { signature } = result
      return signature.key === keyOfOpenSsh && isSignatureOf(Buffer.from('hello\n'), signature)
    }),
  )
  expect(accepted).toEqual([])
})

test('a signature that is cut off at any place is refused', () => {
  const base64 = byOpenSsh.replaceAll(/-----.*-----|\n/g, '')
  const bytes = Buffer.from(base64, 'base64')
  for (let length = 0; length < bytes.length; length += 1) {
    const text = `-----BEGIN SSH SIGNATURE-----\n${bytes.toString('base64', 0, length)}\n-----END SSH SIGNATURE-----\n`
    expect(readSignature(text).ok).toBe(false)
  }
  for (let length = 0; length < byOpenSsh.length - 1; length += 1) {
    expect(readSignature(byOpenSsh.slice(0, length)).ok).toBe(false)
  }
})

describe('of another signature the reason is named:', () => {
  const signer = makeSigner()
  test.each([
    ['another namespace', { namespace: 'git' }, 'its namespace is not anyward-bundle'],
    ['no namespace', { namespace: '' }, 'its namespace is not anyward-bundle'],
    ['another hash', { hashName: 'sha256' }, 'uses another hash algorithm than sha512'],
    ['a field of the future', { reserved: 'x' }, 'has a field that this program does not know'],
    ['another version', { version: 2 }, 'is a signature of version 2'],
    ['another type of signature', { type: 'ssh-rsa' }, 'is not an Ed25519 signature'],
    ['another type of key', { claimedKey: 'AAAAB3NzaC1yc2EAAAAA' }, 'is not by an Ed25519 key'],
    ['more after its end', { after: Buffer.from('x') }, 'is not a whole signature'],
  ])('%s', (_title, wrong, problem) => {
    expect(readSignature(signAs(signer, 'hello', wrong))).toMatchObject({
      ok: false,
      problem: expect.stringContaining(problem),
    })
    expect(isSignatureOf(Buffer.from('hello'), read(signAs(signer, 'hello')))).toBe(true)
  })

  test('a text that is none', () => {
    for (const text of ['', 'hello', '-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n']) {
      expect(readSignature(text).ok).toBe(false)
    }
  })
})

test('a signature that claims another key than the one that has made it is not good', () => {
  const signature = read(signAs(makeSigner(), 'hello', { claimedKey: makeSigner().key }))
  expect(isSignatureOf(Buffer.from('hello'), signature)).toBe(false)
})
