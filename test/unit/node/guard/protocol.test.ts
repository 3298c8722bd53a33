import { expect, test } from 'vitest'
import { readReplies, readRequests } from '../../../../src/node/guard/protocol.ts'

const read = (chunks: readonly string[]) => {
  const reader = readRequests()
  return chunks.flatMap((chunk) => [...reader.read(chunk)])
}

test('messages are read from chunks of any size', () => {
  const text = '{"type":"renew","services":["vpn"]}\n{"type":"ask"}\n'
  const expected = [{ type: 'renew', services: ['vpn'] }, { type: 'ask' }]
  expect(read([text])).toEqual(expected)
  expect(read(text.split(''))).toEqual(expected)
})

test.each([
  ['no JSON', 'renew\n'],
  ['an unknown type', '{"type":"announce"}\n'],
  ['an unknown key', '{"type":"ask","services":[]}\n'],
  ['services that are none', '{"type":"renew","services":[1]}\n'],
  ['too many services', `${JSON.stringify({ type: 'renew', services: Array(1001).fill('a') })}\n`],
  ['an empty line', '\n'],
  ['a line that is too long', 'x'.repeat(300_000)],
  ['something inherited', '{"type":"renew","services":["a"],"__proto__":{"x":1}}\n'],
])('a guard refuses %s', (_, text) => {
  expect(() => read([text])).toThrow()
})

test.each([
  ['a pid of a process group', '{"pid":-1,"serial":"x","leases":{}}\n'],
  ['no number', '{"pid":1,"serial":"x","leases":{"a":"b"}}\n'],
])('a controller refuses %s', (_, text) => {
  expect(() => [...readReplies().read(text)]).toThrow()
})
