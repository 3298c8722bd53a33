import { describe, expect, it } from 'vitest'
import { keyPairOf } from '../../../../src/node/wireguard/key.ts'
import { beginHandshake, finishHandshake, prepareInitiator } from '../../../../src/node/wireguard/noise.ts'
import { deriveKeys, hash, mac, open, seal } from '../../../../src/node/wireguard/primitives.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

// The vector of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s in the public vectors of the cacophony library.
const vector = {
  prologue: hex('4a6f686e2047616c74'),
  psk: hex('54686973206973206d7920417573747269616e20706572737065637469766521'),
  initStatic: hex('e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1'),
  initEphemeral: hex('893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a'),
  remoteStatic: hex('31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62'),
  first: {
    payload: hex('4c756477696720766f6e204d69736573'),
    message: hex(
      'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb5' +
        '6253c9c94a9e496782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985' +
        '464cf17e51ee93109008399a21f7e13f',
    ),
  },
  second: {
    payload: hex('4d757272617920526f746862617264'),
    message: hex(
      '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab03222' +
        '17755c0632f365717edbf34d33e87a',
    ),
  },
  fromInitiator: {
    payload: hex('462e20412e20486179656b'),
    text: hex('8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7'),
  },
  fromResponder: {
    payload: hex('4361726c204d656e676572'),
    text: hex('07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef'),
  },
}

const keys = prepareInitiator(keyPairOf(vector.initStatic), vector.remoteStatic, vector.psk, vector.prologue)!
const begin = () => beginHandshake(keys, keyPairOf(vector.initEphemeral), vector.first.payload)

describe('the IKpsk2 handshake', () => {
  it('writes the first message of the public vector', () => {
    expect(begin().message.toString('hex')).toBe(vector.first.message.toString('hex'))
  })

  it('reads the second message of the public vector, and agrees on its transport keys', () => {
    const finished = finishHandshake(keys, begin(), vector.second.message)
    expect(finished?.payload.toString('hex')).toBe(vector.second.payload.toString('hex'))
    const { send, receive } = finished!
    expect(seal(send, 0, vector.fromInitiator.payload).toString('hex')).toBe(
      vector.fromInitiator.text.toString('hex'),
    )
    expect(open(receive, 0, vector.fromResponder.text)?.toString('hex')).toBe(
      vector.fromResponder.payload.toString('hex'),
    )
  })

  it('refuses the second message under another preshared key', () => {
    const others = prepareInitiator(keyPairOf(vector.initStatic), vector.remoteStatic, null, vector.prologue)!
    const begun = beginHandshake(others, keyPairOf(vector.initEphemeral), vector.first.payload)
    expect(finishHandshake(others, begun, vector.second.message)).toBeNull()
  })

  it('refuses the second message with any one bit changed', () => {
    const begun = begin()
    for (let index = 0; index < vector.second.message.length; index += 1) {
      // X25519 ignores the highest bit of a public key, but the transcript does not.
      const spoilt = Buffer.from(vector.second.message)
      spoilt[index]! ^= 0x80
      expect(finishHandshake(keys, begun, spoilt), `byte ${index}`).toBeNull()
    }
  })

  it('refuses a truncated second message, and one whose key is a point of low order', () => {
    const begun = begin()
    expect(finishHandshake(keys, begun, vector.second.message.subarray(0, 47))).toBeNull()
    expect(finishHandshake(keys, begun, Buffer.alloc(48))).toBeNull()
  })

  it('has no keys for a server whose public key is a point of low order', () => {
    expect(prepareInitiator(keyPairOf(vector.initStatic), Buffer.alloc(32), null)).toBeNull()
  })
})

describe('the primitives', () => {
  it('hash as RFC 7693, appendix B', () => {
    expect(hash(Buffer.from('abc')).toString('hex')).toBe(
      '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
    )
  })

  it('start from WireGuard’s initial chaining key and hash', () => {
    const chainingKey = hash(Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'))
    expect(chainingKey.toString('hex')).toBe(
      '60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36',
    )
    expect(hash(chainingKey, Buffer.from('WireGuard v1 zx2c4 Jason@zx2c4.com')).toString('hex')).toBe(
      '2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3',
    )
  })

  it('make a MAC that is keyed BLAKE2s, not a truncated hash of key and data', () => {
    const made = mac(Buffer.alloc(32, 1), Buffer.from('data'))
    expect(made).toHaveLength(16)
    expect(Buffer.from(made)).not.toEqual(hash(Buffer.alloc(32, 1), Buffer.from('data')).subarray(0, 16))
  })

  it('derive the same first keys for any number of keys', () => {
    const three = deriveKeys(3, Buffer.alloc(32, 1), Buffer.alloc(32, 2))
    expect(deriveKeys(1, Buffer.alloc(32, 1), Buffer.alloc(32, 2))[0]).toEqual(three[0])
    expect(new Set(three.map((key) => key.toString('hex'))).size).toBe(3)
  })

  it('do not open a packet that was changed, truncated, or given another counter', () => {
    const key = Buffer.alloc(32, 7)
    const sealed = seal(key, 5, Buffer.from('text'), Buffer.from('ad'))
    expect(open(key, 5, sealed, Buffer.from('ad'))?.toString()).toBe('text')
    expect(open(key, 6, sealed, Buffer.from('ad'))).toBeNull()
    expect(open(key, 5, sealed, Buffer.from('AD'))).toBeNull()
    expect(open(key, 5, sealed.subarray(1), Buffer.from('ad'))).toBeNull()
    expect(open(key, 5, Buffer.alloc(3))).toBeNull()
  })
})
