import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BirdReply, BirdReplyReader, wordsOf } from '../../../../src/node/routing/bird/reply.ts'
import { DaemonError } from '../../../../src/node/routing/daemon.ts'

function readAll(bytes: Uint8Array, cuts: readonly number[] = []): BirdReply | null {
  const reader = new BirdReplyReader()
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  )
  let reply: BirdReply | null = null
  for (let index = 1; index < edges.length; index += 1) {
    reply = reader.read(Buffer.from(bytes.subarray(edges[index - 1], edges[index])))
  }
  return reply
}

const read = (text: string) => readAll(Buffer.from(text))

describe('a reply of BIRD', () => {
  test('ends with a code and a blank, and repeats a code with a leading blank', () => {
    expect(read('2002-Name\n1002-up1 BGP\n up2 BGP\n0000 \n')).toEqual({
      code: 0,
      lines: [
        { code: 2002, text: 'Name' },
        { code: 1002, text: 'up1 BGP' },
        { code: 1002, text: 'up2 BGP' },
        { code: 0, text: '' },
      ],
    })
  })

  test('is not complete before its last newline', () => {
    expect(read('0002-Reading\n0003 Reconfigured')).toBeNull()
    expect(read('')).toBeNull()
  })

  test('can have asynchronous lines in between', () => {
    expect(read('+log line\n0003 Reconfigured\n')).toEqual({
      code: 3,
      lines: [{ code: 3, text: 'Reconfigured' }],
    })
  })

  test.each([
    ['a line without a code', 'hello\n'],
    ['a short code', '003 Reconfigured\n'],
    ['a repetition of no code', ' hello\n'],
    ['more after its end', '0003 Reconfigured\n0000 \n'],
    ['more bytes than any answer has', `1007-${'x'.repeat(5_000_000)}\n`],
  ])('is refused with %s', (_, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ name: 'DaemonError', code: 'protocol' }))
  })

  test('is the same for chunks of any size', () => {
    const text = fc.stringMatching(/^[ -~é]{0,30}$/)
    const line = fc.tuple(fc.integer({ min: 0, max: 9999 }), text)
    fc.assert(
      fc.property(fc.array(line), line, fc.array(fc.nat(2000)), (lines, last, cuts) => {
        const code = (value: number) => String(value).padStart(4, '0')
        const body = lines.map(([value, words]) => `${code(value)}-${words}\n`).join('')
        const reply = readAll(Buffer.from(`${body}${code(last[0])} ${last[1]}\n`), cuts)
        expect(reply).toEqual({
          code: last[0],
          lines: [...lines, last].map(([value, words]) => ({ code: value, text: words })),
        })
      }),
    )
  })

  test('of random bytes is complete, incomplete or a DaemonError', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.stringMatching(/^[0-9 \-+\n]{0,60}$/).map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(300)), (input, cuts) => {
        try {
          const reply = readAll(input, cuts)
          if (reply !== null) expect(reply.lines.length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(DaemonError)
        }
      }),
    )
  })

  test('has the text that birdc would show', () => {
    expect(wordsOf(read('0002-Reading configuration\n8002 a.conf:3:1 syntax error\n')!)).toBe(
      'Reading configuration\na.conf:3:1 syntax error',
    )
  })
})
