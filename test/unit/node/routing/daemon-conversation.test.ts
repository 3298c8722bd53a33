import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { renderAnnouncements } from '../../../../src/manifest/announcements.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { normally } from '../../../../src/net/announcements.ts'
import { createBird } from '../../../../src/node/routing/bird/bird.ts'
import { BirdClient } from '../../../../src/node/routing/bird/client.ts'
import type { DaemonError } from '../../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../../src/node/routing/frr/frr.ts'
import { manifestOf } from '../../../e2e/fixtures/routing/configs.ts'
import { observeLists } from '../../../observation-lists.ts'

/** Replies that a real daemon gives rarely or never, so that a test cannot provoke them. */
let dir: string
let server: Server
let sockets: Socket[]
let asked: string[]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'r1-'))
  sockets = []
  asked = []
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
  await rm(dir, { recursive: true, force: true })
})

function serve(
  name: string,
  greeting: string,
  separator: string,
  answer: (command: string, socket: Socket) => void,
) {
  server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.write(greeting)
    socket.on('data', (data) => {
      for (const command of data.toString().split(separator).slice(0, -1)) {
        asked.push(command)
        answer(command, socket)
      }
    })
  })
  return new Promise<void>((resolve) => server.listen(join(dir, name), resolve))
}

const serveBird = (
  answer: (command: string, socket: Socket) => void,
  greeting = '0001 BIRD 2.0.12 ready.\n',
) => serve('ctl', greeting, '\n', answer)

const serveVty = (answer: (command: string) => string | null) =>
  serve('bgpd.vty', '', '\0', (command, socket) => {
    const reply = command === 'enable' ? '\0' : answer(command)
    if (reply !== null) socket.write(`${reply.slice(0, -1)}\0\0\0${reply.slice(-1)}`)
  })

async function failureOf(call: Promise<unknown>): Promise<DaemonError> {
  return call.then(
    () => expect.fail('it did not fail'),
    (error: DaemonError) => error,
  )
}

const bird = (deadlineMs = 5000) => createBird({ manifest: manifestOf('bird', dir), deadlineMs })

describe('BIRD', () => {
  test.each([
    ['0003 Reconfigured'],
    ['0004 Reconfiguration in progress'],
    ['0005 Reconfiguration already in progress, queueing new config'],
    ['0018 Reconfiguration confirmed'],
  ])('"%s" counts as accepted', async (words) => {
    await writeFile(join(dir, 'announce.conf'), renderAnnouncements([]))
    await serveBird((_, socket) => socket.write(`0002-Reading configuration\n${words}\n`))
    const daemon = bird()
    await daemon.apply(normally(['192.0.2.0/24']))
    expect(asked).toEqual(['configure'])
    expect(await readFile(join(dir, 'announce.conf'), 'utf8')).toBe(
      renderAnnouncements(normally(['192.0.2.0/24'])),
    )
    daemon.close()
  })

  test.each([
    ['0006 Reconfiguration ignored, shutting down', 'protocol'],
    ['0099 Something new', 'protocol'],
    ['8002 bird.conf:3:1 syntax error', 'refused'],
    ['8007 Access denied', 'refused'],
    ['9001 syntax error', 'refused'],
    ['gibberish', 'protocol'],
  ])('"%s" is an error with that text as its reply', async (words, code) => {
    await serveBird((_, socket) => socket.write(`${words}\n`))
    const daemon = bird()
    const error = await failureOf(daemon.apply(normally(['192.0.2.0/24'])))
    expect(error).toMatchObject({ name: 'DaemonError', code })
    expect(words).toContain(error.reply)
    daemon.close()
  })

  test('a queued configure is sent again, because the daemon does not originate the desired prefixes', async () => {
    await serveBird((command, socket) => {
      socket.write(
        command === 'configure'
          ? '0005 queued\n'
          : command === 'show protocols'
            ? '2002-Name\n0000 \n'
            : '0000 \n',
      )
    })
    const daemon = bird()
    await daemon.apply(normally(['192.0.2.0/24']))
    await daemon.apply(normally(['192.0.2.0/24']))
    expect(asked.filter((command) => command === 'configure')).toHaveLength(2)
    daemon.close()
  })

  test('a list that a reconfiguration truncates is requested again', async () => {
    let lists = 0
    await serveBird((command, socket) => {
      if (command === 'show protocols') {
        socket.write('1002-anyward4  Static     master4    up     now\n0000 \n')
      } else if (++lists === 1) {
        socket.write('1007-192.0.2.0/24  blackhole [anyward4] * (200)\n8004 Stopped due to reconfiguration\n')
      } else socket.write('1007-192.0.2.0/24  blackhole [anyward4] * (200)\n0000 \n')
    })
    const daemon = bird()
    expect((await observeLists(daemon)).originated).toEqual(['192.0.2.0/24'])
    expect(lists).toBeGreaterThan(1)
    daemon.close()
  })

  test('a daemon that is reconfigured without end is reported as such', async () => {
    await serveBird((command, socket) => {
      const isList = command !== 'show protocols'
      socket.write(
        isList ? '8004 Stopped due to reconfiguration\n' : '1002-anyward4 Static master4 up now\n0000 \n',
      )
    })
    const daemon = bird()
    expect(await failureOf(daemon.observe())).toMatchObject({ code: 'refused' })
    daemon.close()
  })

  test('a withdrawal disables the protocols before it sends the slow configure', async () => {
    await writeFile(
      join(dir, 'announce.conf'),
      renderAnnouncements(normally(['192.0.2.0/24', '198.51.100.0/24', '2001:db8:51::/48'])),
    )
    await serveBird((command, socket) => {
      socket.write(command === 'configure' ? '0003 Reconfigured\n' : '0009-anyward6: disabled\n0000 \n')
    })
    const daemon = bird()
    await daemon.apply(normally(['192.0.2.0/24']))
    expect(asked).toEqual(['disable anyward6', 'configure'])
    daemon.close()
  })

  test('a late reply is never taken for the answer to the next command', async () => {
    let late: Socket | null = null
    await serveBird((command, socket) => {
      if (command === 'first') late = socket
      else socket.write(`0000 answer to ${command}\n`)
    })
    const client = new BirdClient({ socketPath: join(dir, 'ctl'), deadlineMs: 200 })
    expect((await failureOf(client.send('first'))).code).toBe('timeout')
    const second = client.send('second')
    ;(late as Socket | null)?.write('0000 answer to first\n')
    expect((await second).lines).toEqual([{ code: 0, text: 'answer to second' }])
    client.close()
  })

  test('commands are sent one at a time, over one connection', async () => {
    let open = 0
    await serveBird((command, socket) => {
      open += 1
      expect(open).toBe(1)
      setTimeout(() => {
        open -= 1
        socket.write(`0000 ${command}\n`)
      }, 2)
    })
    const client = new BirdClient({ socketPath: join(dir, 'ctl') })
    const replies = await Promise.all(['a', 'b', 'c'].map((command) => client.send(command)))
    expect(replies.map(({ lines }) => lines[0]!.text)).toEqual(['a', 'b', 'c'])
    expect(sockets).toHaveLength(1)
    client.close()
  })

  test('after an unsolicited reply the next command uses a new connection', async () => {
    await serveBird((command, socket) => socket.write(`0000 ${command}\n`))
    const client = new BirdClient({ socketPath: join(dir, 'ctl') })
    await client.send('a')
    const [socket] = sockets
    const closed = new Promise((resolve) => socket!.on('close', resolve))
    socket!.write('0003 Reconfigured\n')
    await closed
    expect((await client.send('b')).lines[0]!.text).toBe('b')
    client.close()
  })

  test('a connection that breaks during a command is reported and opened again', async () => {
    await serveBird((command, socket) => {
      if (command === 'a') socket.destroy()
      else socket.write('0000 \n')
    })
    const client = new BirdClient({ socketPath: join(dir, 'ctl') })
    expect((await failureOf(client.send('a'))).code).toBe('disconnected')
    expect((await client.send('b')).code).toBe(0)
    client.close()
  })

  test.each([['0001 SOMETHING ready.\n'], ['0000 \n'], ['hello\n']])(
    'a greeting of %j is refused',
    async (greeting) => {
      await serveBird(() => undefined, greeting)
      const daemon = bird()
      expect((await failureOf(daemon.identify())).code).toBe('protocol')
      daemon.close()
    },
  )

  test('a command that contains another is refused before it is sent', async () => {
    await serveBird((_, socket) => socket.write('0000 \n'))
    const client = new BirdClient({ socketPath: join(dir, 'ctl') })
    expect(() => client.send('show status\ndown')).toThrow(RangeError)
    expect(() => client.send('x'.repeat(901))).toThrow(RangeError)
    const manifest = manifestOf('bird', dir)
    const [neighbor] = manifest.neighbors
    const [service] = manifest.services
    const smuggled: Manifest[] = [
      { ...manifest, neighbors: [{ ...neighbor!, protocol: 'x\ndown' }] },
      { ...manifest, services: [{ ...service!, prefixes: ['192.0.2.0/24;\n}'] }] },
      { ...manifest, daemon: 'frr' },
      { ...manifest, paths: { ...manifest.paths, announceFile: null } },
    ]
    for (const bad of smuggled) expect(() => createBird({ manifest: bad })).toThrow(TypeError)
    const daemon = createBird({ manifest })
    await expect(daemon.apply(normally(['203.0.113.0/24']))).rejects.toThrow(RangeError)
    expect(asked).toEqual([])
    client.close()
  })
})

describe('bgpd', () => {
  const running = (lines: string) => `router bgp 64500\n${lines}\0`

  test('a refused line and a warning are reported, the other lines are sent, and configuration is left', async () => {
    await serveVty((command) => {
      if (command.startsWith('show running-config')) return running('  network 192.0.2.0/24\n')
      if (command === 'network 192.0.2.1/32') return '% Malformed\r\n\x0d'
      if (command === 'network 198.51.100.0/24') return '% a warning\n\0'
      return '\0'
    })
    const frr = createFrr({ manifest: manifestOf('frr', dir) })
    const desired = new Set(['192.0.2.1/32', '198.51.100.0/24', '2001:db8:51::/48'])
    const error = await failureOf(frr.apply(normally(desired)))
    expect(error.code).toBe('refused')
    expect(error.message).toContain('"network 192.0.2.1/32" (status 13): % Malformed')
    expect(error.reply).toBe('% Malformed\n% a warning')
    expect(asked.slice(2)).toEqual([
      'configure terminal',
      'router bgp 64500',
      'address-family ipv4 unicast',
      'no network 192.0.2.0/24',
      'network 192.0.2.1/32',
      'network 198.51.100.0/24',
      'exit-address-family',
      'address-family ipv6 unicast',
      'network 2001:db8:51::/48',
      'exit-address-family',
      'end',
    ])
    frr.close()
  })

  test('no line is sent into a mode that bgpd did not enter', async () => {
    await serveVty((command) => {
      if (command.startsWith('show running-config')) return running('')
      return command.startsWith('router bgp') ? 'BGP is already running\x0d' : '\0'
    })
    const frr = createFrr({ manifest: manifestOf('frr', dir) })
    expect((await failureOf(frr.apply(normally(['192.0.2.0/24'])))).code).toBe('refused')
    expect(asked.slice(2)).toEqual(['configure terminal', 'router bgp 64500', 'end'])
    frr.close()
  })

  test('a withdrawal that another client made first counts as done', async () => {
    await serveVty((command) => {
      if (command.startsWith('show running-config')) return running('  network 192.0.2.0/24\n')
      return command.startsWith('no network') ? "% Can't find static route specified\n\x0d" : '\0'
    })
    const frr = createFrr({ manifest: manifestOf('frr', dir) })
    await frr.apply(new Map())
    expect(asked.at(-1)).toBe('end')
    frr.close()
  })

  test('a bgpd that stops during the configuration is a timeout, and the next call uses a new connection', async () => {
    let stopped = true
    await serveVty((command) => {
      if (command.startsWith('show running-config')) return running('  network 192.0.2.0/24\n')
      return stopped && command.startsWith('no network') ? null : '\0'
    })
    const frr = createFrr({ manifest: manifestOf('frr', dir), deadlineMs: 200 })
    expect((await failureOf(frr.apply(new Map()))).code).toBe('timeout')
    stopped = false
    asked = []
    await frr.apply(new Map())
    expect(asked[0]).toBe('enable')
    expect(asked.at(-1)).toBe('end')
    frr.close()
  })

  test('answers that are not JSON are a protocol error', async () => {
    await serveVty((command) => (command.startsWith('show running-config') ? running('') : '<html>\0'))
    const frr = createFrr({ manifest: manifestOf('frr', dir) })
    expect((await failureOf(frr.observe())).code).toBe('protocol')
    frr.close()
  })

  test('an address that contains a command is refused', async () => {
    await serveVty(() => '\0')
    const manifest = manifestOf('frr', dir)
    const [neighbor] = manifest.neighbors
    const bad = { ...manifest, neighbors: [{ ...neighbor!, address: '10.1.1.1 json\0clear bgp *' }] }
    expect(() => createFrr({ manifest: bad })).toThrow(TypeError)
  })
})
