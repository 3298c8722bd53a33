import { expect, test } from 'vitest'
import { busyMs, Suspicion } from '../../../../../src/node/probe/suspicion/suspicion.ts'
import type { Asked } from '../../../../../src/node/wireguard/exchange.ts'

const rules = { intervalMs: 200, timeoutMs: 300, fall: 3 }
const lost: Asked = {
  ...{ packets: 2, isFirstAnswered: false, wasLoaded: false },
  judgeSilence: () => ({ ok: false, cause: 'no-reply', detail: '' }),
}
const beganAtMs = 60_000

test.each([
  ['nothing else', null, 0, true],
  ['this process was late before the cycle', 'starved', beganAtMs - 100, true],
  ['this process was late in the cycle', 'starved', beganAtMs + 100, false],
  ['the server was loaded a moment ago', 'under-load', beganAtMs - 5000, false],
  ['the server was loaded long ago', 'under-load', beganAtMs - busyMs, true],
] as const)('a lost first packet and %s', (_what, cause, atMs, isLoss) => {
  const suspicion = new Suspicion(rules)
  if (cause !== null) suspicion.takeInconclusive(cause, atMs)
  suspicion.takeGood([lost], beganAtMs, beganAtMs + 50, 0)
  const dueAtMs = beganAtMs + rules.timeoutMs
  expect(suspicion.findLoss(dueAtMs - 1)).toBe(false)
  expect(suspicion.findLoss(dueAtMs)).toBe(isLoss)
  expect(suspicion.findLoss(dueAtMs)).toBe(false)
})
