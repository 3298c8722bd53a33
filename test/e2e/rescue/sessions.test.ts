import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { patience } from '../../patience.ts'
import { cli, inside, type Lab, type LabNode, labDown, until } from '../fixtures/lab/lab.ts'
import {
  moveRoute,
  openRescueLab,
  type Traffic,
  untilServedBy,
  withoutHelpMs,
} from '../fixtures/rescue/client-traffic.ts'

describe('a client whose packets reach another site', () => {
  let lab: Lab
  let oslo: LabNode
  let client: Traffic
  beforeAll(async () => {
    ;({ lab, oslo, client } = await openRescueLab())
  }, patience(180_000))
  afterAll(async () => {
    client?.stop()
    await labDown()
  }, patience(60_000))
  afterEach(async () => {
    // The roster has the client at the site that serves it now.
    await until(
      'the client has replies',
      async () => client.sinceLast(),
      (ms) => ms < 300,
    )
  })

  test.each([
    ['dead: its WireGuard is gone', 'wireguard'],
    ['withdrawn by an order, and alive', 'withdraw'],
    ['drained', 'drain'],
  ] as const)('%s', { timeout: patience(120_000) }, async (_, fault) => {
    await untilServedBy(lab, client, oslo)
    const struckAt = client.now()
    const repair = await strike(oslo, fault)
    await untilState(oslo, (announced) => announced === 0)
    await untilServedBy(lab, client, oslo, false)
    const gone = await client.outageSince(struckAt)
    expect(gone).toBeLessThan(patience(withoutHelpMs / 5))

    // It comes back, and the route with it, which is not said by any site.
    const backAt = client.now()
    await repair()
    await untilState(oslo, (announced) => announced > 0)
    await untilServedBy(lab, client, oslo)
    const back = await client.outageSince(backAt)
    expect(back).toBeLessThan(patience(withoutHelpMs / 5))
  })

  test('an upstream moves the route, and neither site knows', { timeout: patience(120_000) }, async () => {
    await untilServedBy(lab, client, oslo)
    const struckAt = client.now()
    const moveBack = await moveRoute(lab, oslo)
    await untilServedBy(lab, client, oslo, false)
    expect(await client.outageSince(struckAt)).toBeLessThan(patience(withoutHelpMs / 5))
    await moveBack()
    await untilServedBy(lab, client, oslo)
  })
})

async function strike(
  node: LabNode,
  fault: 'wireguard' | 'withdraw' | 'drain',
): Promise<() => Promise<unknown>> {
  const order = (word: string) => execa(process.execPath, [cli, word, '--node', node.name], { reject: false })
  if (fault !== 'wireguard') {
    await order(fault)
    return () => order('undrain')
  }
  // A controller cannot mistake it for anything else, and the interface keeps its peers.
  await inside(node, 'ip', ['link', 'set', node.wireguardInterface, 'down'])
  return () => inside(node, 'ip', ['link', 'set', node.wireguardInterface, 'up'])
}

function untilState(node: LabNode, isSo: (announced: number) => boolean) {
  return until(
    `${node.name} announces, or does not`,
    async () => ((await (await fetch(node.statusUrl)).json()) as NodeStatus).services[0]!.announced.length,
    isSo,
  )
}
