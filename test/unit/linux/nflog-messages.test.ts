import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bindRequests, type NflogMessage, NflogStream } from '../../../src/linux/nflog-messages.ts'

/** From Linux 6.18 on x86-64: prefix "stray", a UDP packet from 10.3.0.77, port 7777, to 192.0.2.1, port 51820. */
const payload =
  '4500003c98780000401115e80a03004dc00002011e61ca6c0028000004000000f4a7f98a000000000000000000000000000000000000000000000000'
const captured = Buffer.from(
  'b80000000004000000000000000000000200143e08000100080000000a000a0073747261790000000800040000000001100008000006000000000000' +
    '0000000006000f000304000006001100000e0000120010000000000000000000000000000800000014000300000000006b0d295600000000000c26c4' +
    `40000900${payload}`,
  'hex',
)

type Read = { prefix: string; payload: string } | { code: number }

function read(chunks: readonly Buffer[]): Read[] {
  const seen: Read[] = []
  const stream = new NflogStream((message: NflogMessage) => {
    if (message.type === 'answer') seen.push({ code: message.code })
    else seen.push({ prefix: message.prefix, payload: Buffer.from(message.payload).toString('hex') })
  })
  for (const chunk of chunks) stream.push(chunk)
  return seen
}

/** An answer to a request, with the request's header behind it (netlink(7)). */
function answer(code: number): Buffer {
  const message = Buffer.alloc(36)
  message.writeUInt32LE(36, 0)
  message.writeUInt16LE(2, 4)
  message.writeInt32LE(code, 16)
  return message
}

describe('a stream of the kernel', () => {
  test('has each packet with the prefix of its rule', () => {
    expect(read([captured, captured])).toEqual([
      { prefix: 'stray', payload },
      { prefix: 'stray', payload },
    ])
  })

  test('is read the same however it is cut', () => {
    const whole = Buffer.concat([answer(0), captured, answer(-16), captured])
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), whole.length]
        const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end))
        expect(read(chunks)).toEqual([
          { code: 0 },
          { prefix: 'stray', payload },
          { code: -16 },
          { prefix: 'stray', payload },
        ])
      }),
    )
  })

  test('with changed bytes is read without another error than that it is no stream', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(captured.length * 2 - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = Buffer.concat([captured, captured])
          for (const [at, value] of changes) bytes[at] = value
          expectRead(bytes)
        },
      ),
      { numRuns: 5000 },
    )
  })

  test('of any bytes is read without another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => expectRead(Buffer.from(bytes))),
      { numRuns: 2000 },
    )
  })

  test.each([0, 15, 8193, 0xffff_ffff])('with a message of %d bytes is refused', (length) => {
    const message = Buffer.alloc(64)
    message.writeUInt32LE(length, 0)
    expect(() => read([message])).toThrow(RangeError)
  })

  test('ignores an attribute that is longer than its message', () => {
    const message = Buffer.from(captured)
    message.writeUInt16LE(0xffff, 20)
    expect(read([message])).toEqual([])
  })
})

function expectRead(bytes: Buffer): void {
  try {
    for (const message of read([bytes])) {
      if ('payload' in message) expect(message.payload.length / 2).toBeLessThanOrEqual(bytes.length)
    }
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError)
  }
}

test('the requests bind a group, copy packets in part, and let none wait for others', () => {
  expect(bindRequests(5182, 96).toString('hex')).toBe(
    // Each: netlink header, family header with the group, attribute.
    [
      '1c0000000104050000000000000000000000143e0500010001000000',
      '200000000104050000000000000000000000143e0a000200000000600200'.padEnd(64, '0'),
      '1c0000000104050000000000000000000000143e0800050000000001',
    ].join(''),
  )
})
