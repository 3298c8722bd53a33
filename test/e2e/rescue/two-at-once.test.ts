import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { inside, type Lab, type LabNode, labDown, until } from '../fixtures/lab/lab.ts'
import {
  moveRoute,
  openRescueLab,
  peerOf,
  showPeers,
  type Traffic,
  untilKnown,
  untilServedBy,
  withoutHelpMs,
} from '../fixtures/rescue/client-traffic.ts'

let lab: Lab
let oslo: LabNode
let client: Traffic
let namespace: string
let tunnelAddress: string
let peer: string
let endpoint: string
beforeAll(async () => {
  const opened = await openRescueLab()
  ;({ lab, oslo, client } = opened)
  ;({ namespace, tunnelAddress } = opened.place)
  peer = await peerOf(oslo, tunnelAddress)
  endpoint = (await showPeers(oslo, 'endpoints')).find((line) => line.startsWith(peer))!.split('\t')[1]!
}, patience(180_000))
afterAll(async () => {
  client?.stop()
  await labDown()
}, patience(60_000))

test(
  'a client that a third site tries just after the handshake is served at once',
  async () => {
    const here = await findNext()
    const third = lab.nodes.find((node) => node !== here && node !== oslo)!
    // The two keepalives after the handshake.
    const rules = `table inet losses {
  chain lose {
    type filter hook prerouting priority -400;
    udp sport 51820 @th,64,8 4 udp length 40 limit rate 1/hour burst 2 packets counter drop
  }
}
`
    await execa('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: rules })
    const [before, handshakeBefore] = [await outcomesAt(here), await handshakeAt(here)]
    const struckAt = client.now()
    await moveRoute(lab, oslo)
    await until(
      'the node has a handshake',
      () => handshakeAt(here),
      (handshake) => handshake > handshakeBefore,
    )
    await initiate(third)
    await untilServedBy(lab, client, here)
    const darkMs = await client.outageSince(struckAt)
    console.log(`dark for ${Math.round(darkMs)} ms`)
    expect(darkMs).toBeLessThan(Math.min(patience(3000), withoutHelpMs - 3000))
    // It has not taken the client for one that it serves. `/metrics` may be a second old.
    const outcomes = await until(
      'both rescues have ended',
      () => outcomesAt(here),
      ({ handshake, served }) => handshake + served >= before.handshake + before.served + 2,
    )
    expect(outcomes).toEqual({ handshake: before.handshake + 2, served: before.served })
  },
  patience(120_000),
)

/** The site that the route leads to without the one of the client. */
async function findNext(): Promise<LabNode> {
  const moveBack = await moveRoute(lab, oslo)
  await untilServedBy(lab, client, oslo, false)
  const atMs = Date.now()
  const received = await Promise.all(lab.nodes.map((node) => client.receivedAt(node)))
  const next = await until(
    'a site serves the client',
    async () => {
      const now = await Promise.all(lab.nodes.map((node) => client.receivedAt(node)))
      return lab.nodes.find((node, at) => node !== oslo && now[at]! > received[at]! + 1000) ?? null
    },
    (node) => node !== null,
  )
  // `wg` prints whole seconds: two handshakes within one are of the same age.
  const backAt = await until(
    'a second is over',
    async () => Date.now(),
    (ms) => ms > (Math.floor(atMs / 1000) + 2) * 1000,
  )
  await moveBack()
  await untilServedBy(lab, client, oslo)
  await untilKnown(lab, oslo, backAt)
  return next!
}

/** Of rescues that a packet has begun. */
async function outcomesAt({ statusUrl }: LabNode) {
  const metrics = await (await fetch(new URL('/metrics', statusUrl))).text()
  const count = (outcome: string) => {
    const series = `anyward_rescues_total{service="vpn",trigger="packet",outcome="${outcome}"} `
    return Number(metrics.split(series)[1]?.split('\n')[0] ?? 0)
  }
  return { handshake: count('handshake'), served: count('served') }
}

async function handshakeAt(node: LabNode): Promise<number> {
  const handshakes = await showPeers(node, 'latest-handshakes')
  return Number(handshakes.find((line) => line.startsWith(peer))!.split('\t')[1])
}

/** To the client, whose endpoint all sites are given. */
async function initiate(node: LabNode): Promise<void> {
  const words = ['endpoint', endpoint, 'allowed-ips', `${tunnelAddress}/32`, 'persistent-keepalive', '1']
  await inside(node, 'wg', ['set', node.wireguardInterface, 'peer', peer, 'remove', 'peer', peer, ...words])
  await inside(node, 'wg', ['set', node.wireguardInterface, 'peer', peer, 'persistent-keepalive', 'off'])
}
