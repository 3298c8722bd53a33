import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { type Lab, type LabNode, labDown, until } from '../fixtures/lab/lab.ts'
import {
  moveRoute,
  openRescueLab,
  type Traffic,
  untilKnown,
  untilServedBy,
  withoutHelpMs,
} from '../fixtures/rescue/client-traffic.ts'

/** The types of WireGuard's packets, and what arrives at the client or leaves it (WireGuard paper, section 5.4). */
const packets = {
  initiation: ['prerouting', 'udp sport 51820 @th,64,8 1'],
  response: ['output', 'udp dport 51820 @th,64,8 2'],
  // A keepalive is 32 bytes: of the session that the node has begun, the first packet.
  'first packet of the session': ['prerouting', 'udp sport 51820 @th,64,8 4 udp length 40'],
} as const

/** 20 packets a second: two of them are missing, and then none is. */
async function untilBack(client: Traffic): Promise<void> {
  const since = async () => client.sinceLast()
  await until('the client has no replies', since, (ms) => ms > 110)
  await until('the client has replies again', since, (ms) => ms < 90)
}

/** Returns the time when a second that began after that one is over. */
async function untilSecond(sinceMs: number): Promise<number> {
  const endMs = (Math.floor(sinceMs / 1000) + 2) * 1000
  return until(
    'a second is over',
    async () => Date.now(),
    (ms) => ms > endMs,
  )
}

describe('a packet of a rescue that is lost', () => {
  let lab: Lab
  let oslo: LabNode
  let client: Traffic
  let namespace: string
  beforeAll(async () => {
    const opened = await openRescueLab()
    ;({ lab, oslo, client } = opened)
    namespace = opened.place.namespace
  }, patience(180_000))
  afterAll(async () => {
    client?.stop()
    await labDown()
  }, patience(60_000))

  const nft = (words: readonly string[], input = '') =>
    execa('ip', ['netns', 'exec', namespace, 'nft', ...words], { input })
  const lost = async () => {
    const { stdout } = await nft(['list', 'table', 'inet', 'losses'])
    return Number(/counter packets (\d+)/.exec(stdout)?.[1])
  }

  test.each(Object.entries(packets))(
    'the %s: the client is back long before it tries by itself',
    async (name, [hook, rule]) => {
      await untilServedBy(lab, client, oslo)
      const rules = `table inet losses {
  chain lose {
    type filter hook ${hook} priority -400;
    ${rule} limit rate 1/hour burst 1 packets counter drop
  }
}
`
      await nft(['-f', '-'], rules)
      const struckAt = client.now()
      const moveBack = await moveRoute(lab, oslo)
      // Nothing else runs meanwhile: a start of a program in the guest would be part of the time.
      await untilBack(client)
      const darkMs = await client.outageSince(struckAt)
      console.log(`the ${name} lost: dark for ${Math.round(darkMs)} ms`)
      expect(await lost()).toBe(1)
      expect(darkMs).toBeLessThan(Math.min(patience(3000), withoutHelpMs - 3000))
      await nft(['delete', 'table', 'inet', 'losses'])
      await untilServedBy(lab, client, oslo, false)
      // `wg` prints whole seconds: two handshakes within one are of the same age.
      const backAt = await untilSecond(struckAt + darkMs)
      await moveBack()
      await untilServedBy(lab, client, oslo)
      await untilKnown(lab, oslo, backAt)
    },
    patience(120_000),
  )
})
