import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createRescueDevice,
  type HandshakeStart,
  type RescueDevice,
} from '../../../src/node/rescue/sweep/device.ts'
import { patience } from '../../patience.ts'
import { randomOf } from '../../random.ts'
import { until } from '../fixtures/lab/lab.ts'
import { inKernel, newKeys } from '../fixtures/wireguard/server.ts'
import { openInterface, type TestInterface } from '../fixtures/wireguard/test-interface.ts'

const peers = Array.from({ length: 40 }, (_, at) => ({
  publicKey: newKeys().publicKey,
  presharedKey: at % 2 === 0 ? randomBytes(32).toString('base64') : null,
  keepalive: [0, 0, 25, 1, 65_535][at % 5]!,
  allowedIps: at % 3 === 0 ? `10.81.0.${at}/32` : `10.81.0.${at}/32, 10.82.${at}.0/24, fd00:81::${at}/128`,
  endpoint: { address: at % 4 === 3 ? `2001:db8:9::${at}` : `203.0.113.${at}`, port: 4000 + at },
}))

describe('handshakes that are begun with `wg`', () => {
  let server: TestInterface
  let device: RescueDevice
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anyward-device-'))
    server = await openInterface('wgres')
    const lines = peers.flatMap(({ publicKey, presharedKey, keepalive, allowedIps }) => [
      ...['[Peer]', `PublicKey = ${publicKey}`, `AllowedIPs = ${allowedIps}`],
      ...(presharedKey === null ? [] : [`PresharedKey = ${presharedKey}`]),
      ...(keepalive === 0 ? [] : [`PersistentKeepalive = ${keepalive}`]),
    ])
    const probe = ['[Peer]', `PublicKey = ${newKeys().publicKey}`]
    await server.setconf([...lines, ...probe])
    await server.up()
    device = createRescueDevice(server.name, folder)
  }, patience(30_000))
  afterAll(async () => {
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const startsOf = (force: (at: number) => boolean): HandshakeStart[] =>
    peers.map(({ publicKey, endpoint }, at) => ({ peer: publicKey, endpoint, force: force(at) }))
  const start = async (starts: readonly HandshakeStart[]) => device.start(starts, await device.look())
  /** The whole configuration, without endpoints. */
  const configuration = async () =>
    (await server.showconf())
      .split('[Peer]')
      .map((peer) =>
        peer
          .split('\n')
          .filter((line) => !/^(Endpoint|$)/.test(line))
          .join('\n'),
      )
      .sort()

  test('an initiation leaves to each endpoint at once, with any keepalive, and again where it is forced', {
    timeout: patience(30_000),
  }, async () => {
    const { sent, close } = await server.countInitiations()
    await start(startsOf(() => true))
    await until('40 initiations have left', sent, (count) => count >= peers.length)
    // Within 5 s of the last one.
    await start(startsOf(() => true))
    await until('80 initiations have left', sent, (count) => count >= 2 * peers.length)
    await close()
    const view = await device.look()
    expect(view.size).toBe(peers.length + 1)
    // Of the second initiation: with the first, the peer was another one. 148 bytes (WireGuard paper, section 5.4.2).
    for (const { publicKey } of peers)
      expect(view.get(publicKey)).toMatchObject({ handshakeS: 0, received: 0, sent: 148 })
  })

  test('what it reads of the peers has neither the private key nor a preshared key', async () => {
    const view = JSON.stringify([...(await device.look()).values()])
    const [, ...secrets] = /PrivateKey = (\S+)/.exec(await server.showconf())!
    secrets.push(...peers.flatMap(({ presharedKey }) => presharedKey ?? []))
    expect(secrets.length).toBeGreaterThan(1)
    for (const secret of secrets) expect(view).not.toContain(secret)
    for (const { publicKey, keepalive, allowedIps } of peers) {
      const addresses = allowedIps.replaceAll(' ', '')
      expect(JSON.parse(view)).toContainEqual(
        expect.objectContaining({ publicKey, keepaliveS: keepalive, allowedIps: addresses }),
      )
    }
  })

  test('what the interface has sent shows whether it made something of an attempt', async () => {
    const [{ publicKey, endpoint }] = peers as [(typeof peers)[number]]
    const sent = async () => (await device.look()).get(publicKey)!.sent
    await start([{ peer: publicKey, endpoint, force: true }])
    await until('the initiation counts', sent, (bytes) => bytes > 0)
    const before = await sent()
    // Within 5 s of the last one.
    await start([{ peer: publicKey, endpoint, force: false }])
    expect(await sent()).toBe(before)
  })

  test('after a thousand random batches each peer has all its settings', {
    timeout: patience(240_000),
  }, async () => {
    const before = await configuration()
    const random = randomOf(11)
    // Some 16 peers each. In the guest, a start of a program takes 70 ms.
    for (let round = 0; round < (inKernel ? 150 : 1000); round += 1) {
      const batch = startsOf(() => random() < 0.5).filter(() => random() < 0.4)
      await start(batch)
      if (round % 50 === 0) expect(await configuration()).toEqual(before)
    }
    expect(await configuration()).toEqual(before)
    expect(await readdir(folder)).toEqual([])
  })

  test('peers that are not there, and the probe of another site, are not touched', async () => {
    const before = await configuration()
    const gone = { peer: newKeys().publicKey, endpoint: { address: '203.0.113.9', port: 9 } }
    const [probe] = [...(await device.look()).keys()].filter(
      (key) => !peers.some(({ publicKey }) => publicKey === key),
    )
    await start([
      { ...gone, force: true },
      { ...gone, force: false },
      { peer: probe!, endpoint: gone.endpoint, force: true },
    ])
    expect(await configuration()).toEqual(before)
  })

  test('an error names neither the peer nor its address', async () => {
    const missing = createRescueDevice('wgmissing', folder)
    await expect(missing.look()).rejects.toThrow(/^wg show wgmissing dump: Unable to access interface/)
    const view = await device.look()
    await expect(
      missing.start(
        startsOf(() => true),
        view,
      ),
    ).rejects.toThrow(/^wg show wgmissing preshared-keys: Unable/)
    await expect(
      missing.start(
        startsOf(() => false),
        view,
      ),
    ).rejects.toThrow(/^wg set wgmissing: exit code 1$/)
  })
})
