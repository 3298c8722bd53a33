import { once } from 'node:events'
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, test, vi } from 'vitest'
import { mostWaiting } from '../../../src/fleet/roster/follower.ts'
import type { NodeEvent } from '../../../src/fleet/roster/link.ts'
import { RosterServer } from '../../../src/fleet/roster/server.ts'
import { frame, packClaims } from '../../../src/fleet/roster/wire.ts'
import { patience } from '../../patience.ts'
import { claimOf, keyOf, type Member, MeshBed, until } from '../fixtures/rescue/mesh-bed.ts'

let bed: MeshBed
afterEach(async () => {
  vi.restoreAllMocks()
  await bed?.stop()
})

const nodeOf = (member: Member, peer: number) => member.roster.find('vpn', keyOf(peer), Date.now())?.node
const isUp = (member: Member, node: string) =>
  member.mesh.streams.some((stream) => stream.node === node && stream.up)
const linked = (a: Member, b: Member) =>
  until('both streams are there', () => isUp(a, b.name) && isUp(b, a.name))
/** Not that nothing listens yet. */
const problemOf = async (member: Member, node: string) => {
  const find = () => member.mesh.streams.find((stream) => stream.node === node)?.problem ?? ''
  await until('it is refused', () => !/^(|connect ECONNREFUSED.*)$/.test(find()))
  return find()
}
const closed = (request: ClientHttp2Stream) => new Promise((resolve) => request.on('close', resolve))

test('each node has what the others say: from before it connects, and changes within milliseconds', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a', 'lon1-a')
  const fra = bed.start('fra1-a')
  fra.claim(...Array.from({ length: 1200 }, (_, peer) => claimOf(peer)))
  const ams = bed.start('ams1-a')
  const lon = bed.start('lon1-a')
  await until('the snapshot is there', () => ams.roster.size === 1200 && lon.roster.size === 1200)
  expect(ams.roster.find('vpn', keyOf(7), Date.now())).toMatchObject({
    ...{ node: 'fra1-a', site: 'fra1' },
    endpoint: claimOf(7).endpoint,
  })
  await linked(ams, lon)
  const moved = claimOf(7, { endpoint: { address: '2001:db8:7::1', port: 7 }, handshakeMs: Date.now() })
  ams.claim(moved)
  await until('the change is there', () => nodeOf(fra, 7) === 'ams1-a' && nodeOf(lon, 7) === 'ams1-a')
  expect(lon.roster.find('vpn', keyOf(7), Date.now())?.endpoint).toEqual(moved.endpoint)
})

test('what a node announces reaches the others at once, and those that come later', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a')
  fra.mesh.say('vpn', 'announcing')
  const ams = bed.start('ams1-a')
  await until('the state is there', () => ams.events.length === 2)
  fra.mesh.say('vpn', 'draining')
  fra.mesh.say('vpn', 'draining')
  fra.mesh.say('vpn', 'withdrawn')
  await until('both changes are there', () => ams.events.length === 4)
  const state = (word: string) => ({ event: 'state', node: 'fra1-a', service: 'vpn', state: word })
  expect(ams.events).toEqual([
    { event: 'up', node: 'fra1-a' },
    ...['announcing', 'draining', 'withdrawn'].map(state),
  ])
})

test('a stream that ends in an orderly way is distinguished from one that is cut, and opened again', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const ams = bed.start('ams1-a')
  const fra = bed.start('fra1-a')
  await linked(fra, ams)
  await fra.mesh.close()
  const down = (): NodeEvent[] => ams.events.filter(({ event }) => event === 'down')
  await until('the end is noticed', () => down().length === 1)
  expect(down()).toEqual([{ event: 'down', node: 'fra1-a', ending: 'left' }])
  const again = bed.start('fra1-a')
  again.claim(claimOf(1))
  await until('it is there again', () => nodeOf(ams, 1) === 'fra1-a')
})

test('a node that cannot be heard any more is silent after seconds', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const ams = bed.start('ams1-a')
  const fra = bed.start('fra1-a')
  await linked(fra, ams)
  // Its keepalives stop, and its connection stays.
  vi.spyOn(RosterServer.prototype, 'keepAlive').mockImplementation(() => {})
  await until('the silence is noticed', () => ams.events.some(({ event }) => event === 'down'))
  expect(ams.events).toContainEqual({ event: 'down', node: 'fra1-a', ending: 'silent' })
})

test('a node cannot speak for another: its certificate is not that node’s', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a', 'lon1-a')
  const fra = bed.start('fra1-a')
  bed.start('ams1-a', { as: 'lon1-a' })
  expect(await problemOf(fra, 'ams1-a')).toBe('its certificate is for the node "lon1-a"')
  expect(isUp(fra, 'ams1-a')).toBe(false)
})

test.for([
  ['a site', 'sites', 'fra1', 'unsuitable certificate purpose'],
  ['the planner', 'planner', '', 'unsuitable certificate purpose'],
] as const)('the certificate of %s serves no stream', async ([, kind, name, problem]) => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a')
  bed.start('ams1-a', { credentials: bed.credentialsOf(name, kind) })
  expect(await problemOf(fra, 'ams1-a')).toContain(problem)
})

test('the certificate of a site, of another CA or none reads nothing', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const other = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a')
  fra.claim(claimOf(1))
  const { ca } = bed.credentialsOf('ams1-a')
  const ask = async (credentials: { cert?: string; key?: string }) => {
    const session = connectHttp2(`https://127.0.0.1:${bed.portOf('fra1-a')}`, {
      ...{ ca, ...credentials, checkServerIdentity: () => undefined },
    })
    try {
      return await new Promise<string>((resolve) => {
        session.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        session.on('close', () => resolve('closed'))
        const request = session.request({ ':method': 'POST', ':path': '/anyward.roster.Roster/Follow' })
        request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        request.on('response', (headers) => resolve(String(headers[':status'])))
        request.end()
      })
    } finally {
      session.destroy()
    }
  }
  const good = bed.credentialsOf('ams1-a')
  expect(await ask(good)).toBe('200')
  expect(await ask(bed.credentialsOf('fra1', 'sites'))).toBe('403')
  expect(await ask(bed.credentialsOf('', 'root'))).toBe('403')
  const { cert, key } = other.credentialsOf('ams1-a')
  expect(await ask({ cert, key })).not.toBe('200')
  expect(await ask({})).not.toBe('200')
  await other.stop()
})

test('a connection without a handshake does not delay the end of a node', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a')
  await linked(fra, bed.start('ams1-a'))
  const socket = connectTcp(bed.portOf('fra1-a'), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  const startedMs = performance.now()
  await fra.mesh.close()
  expect(performance.now() - startedMs).toBeLessThan(patience(1_000))
})

test('TLS below 1.3 is refused', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a')
  const ams = bed.start('ams1-a')
  await linked(fra, ams)
  const options = { ...bed.credentialsOf('ams1-a'), checkServerIdentity: () => undefined }
  const socket = connectTls({
    host: '127.0.0.1',
    port: bed.portOf('fra1-a'),
    ...options,
    maxVersion: 'TLSv1.2',
  })
  const [error] = await once(socket, 'error')
  expect(String(error)).toMatch(/version|alert/)
})

test('what a node says of another is ignored, unless it is a relay', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a', 'lon1-a')
  const ams = bed.start('ams1-a')
  const fra = bed.start('fra1-a')
  await linked(fra, ams)
  const claims = packClaims('lon1-a', 0, [claimOf(1)])
  const states = [{ node: 'lon1-a', service: 'vpn', state: 2 }]
  const forged = frame({ claims, states, presences: [{ node: 'lon1-a', ending: 0 }] }, Date.now())
  const send = vi.spyOn(RosterServer.prototype, 'send')
  fra.claim(claimOf(3))
  await until('a frame was sent', () => send.mock.contexts.length > 0)
  ;(send.mock.contexts[0] as RosterServer).send(forged, 'own')
  fra.claim(claimOf(2))
  await until('what came after it is there', () => nodeOf(ams, 2) === 'fra1-a')
  expect(nodeOf(ams, 1)).toBeUndefined()
  expect(ams.events).toEqual([{ event: 'up', node: 'fra1-a' }])
})

test('relays pass on what others say, with their names, states and clocks, and their ends', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a', 'lon1-a', 'rom1-a')
  const relays = ['ams1-a', 'fra1-a']
  const ams = bed.start('ams1-a', { relays })
  const fra = bed.start('fra1-a', { relays })
  const lon = bed.start('lon1-a', { relays })
  const rom = bed.start('rom1-a', { relays, wall: () => Date.now() + 60_000 })
  for (const relay of [ams, fra]) for (const leaf of [lon, rom]) await linked(relay, leaf)
  rom.mesh.publish([claimOf(1, { handshakeMs: Date.now() + 55_000 })])
  rom.roster.put('rom1-a', claimOf(1, { handshakeMs: Date.now() }), Date.now())
  rom.mesh.say('vpn', 'announcing')
  await until('it is at the other leaf', () => nodeOf(lon, 1) === 'rom1-a' && lon.events.length >= 4)
  expect(lon.mesh.streams.map(({ node }) => node)).toEqual(relays)
  expect(lon.roster.skewOf('rom1-a')).toBeGreaterThan(59_000)
  expect(lon.events).toContainEqual({ event: 'up', node: 'rom1-a' })
  expect(lon.events).toContainEqual({ event: 'state', node: 'rom1-a', service: 'vpn', state: 'announcing' })
  await rom.mesh.close()
  await until('its end is known', () => lon.events.some(({ event }) => event === 'down'))
  expect(lon.events).toContainEqual({ event: 'down', node: 'rom1-a', ending: 'left' })
  // The end of a relay is not that of the others.
  await ams.mesh.close()
  await until('the relay is down', () => lon.events.filter(({ event }) => event === 'down').length === 2)
  expect(nodeOf(lon, 1)).toBe('rom1-a')
})

test('the skew of another node’s clock is measured', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a', { wall: () => Date.now() - 7_000 })
  const ams = bed.start('ams1-a')
  await linked(fra, ams)
  expect(ams.roster.skewOf('fra1-a')).toBeLessThan(-6_900)
  expect(ams.roster.skewOf('fra1-a')).toBeGreaterThan(-8_000)
  expect(fra.roster.skewOf('ams1-a')).toBeGreaterThan(6_000)
})

test('a node that does not read is cut off, and costs a bounded number of bytes', async () => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a')
  const session = connectHttp2(`https://127.0.0.1:${bed.portOf('fra1-a')}`, {
    ...{ ...bed.credentialsOf('ams1-a'), checkServerIdentity: () => undefined },
  })
  session.on('error', () => {})
  const request = session.request({ ':method': 'POST', ':path': '/anyward.roster.Roster/Follow' })
  request.on('error', () => {})
  const isClosed = closed(request)
  await once(request, 'response')
  // It reads nothing.
  expect(fra.mesh.followers).toBe(1)
  const claims = Array.from({ length: 500 }, (_, peer) => claimOf(peer))
  const bytes = frame({ claims: packClaims('', 0, claims) }, 0).length
  for (let sent = 0; sent < mostWaiting + 2 ** 20; sent += bytes) {
    fra.mesh.publish(claims)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('it is cut off', () => fra.mesh.followers === 0)
  await isClosed
  session.destroy()
})

test.for([
  [':authority', 'not an authority \\'],
  [':path', '/%zz?x'],
  ['content-type', 'text/plain'],
] as const)('a bad %s does no harm', async ([name, value]) => {
  bed = await MeshBed.create('fra1-a', 'ams1-a')
  const fra = bed.start('fra1-a')
  const ams = bed.start('ams1-a')
  await linked(fra, ams)
  const session = connectHttp2(`https://127.0.0.1:${bed.portOf('fra1-a')}`, {
    ...{ ...bed.credentialsOf('ams1-a'), checkServerIdentity: () => undefined },
  })
  session.on('error', () => {})
  const request = session.request({
    ...{ ':method': 'POST', ':path': '/anyward.roster.Roster/Nothing', [name]: value },
  })
  request.on('error', () => {})
  request.resume().end()
  await closed(request)
  session.destroy()
  fra.claim(claimOf(1))
  await until('the stream goes on', () => nodeOf(ams, 1) === 'fra1-a')
})
