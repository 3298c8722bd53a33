import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cli } from '../fixtures/lab/lab.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-commands-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function run(...words: string[]) {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [cli, ...words], { reject: false })
  return { exitCode, stdout, stderr }
}
const writeVrps = async (...roas: { prefix: string; maxLength: number; asn: number; expires?: number }[]) => {
  const file = join(folder, 'vrps.json')
  await writeFile(file, JSON.stringify({ roas }))
  return file
}

describe('explain', () => {
  const explain = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await run('explain', '--json', ...words)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    return JSON.parse(stdout) as { verdict: string; rule: string; reason: string; set: object }
  }

  test('names the rule that refuses a route, and why', async () => {
    expect(await explain('fra1-a', 'fra1-transit', 'import', '8.8.8.0/24')).toEqual({
      verdict: 'reject',
      rule: 'default-only',
      reason: 'only the default route is accepted',
      set: {},
      changedBy: [],
    })
  })

  test('prints the attributes that an accepted route changes', async () => {
    const words = ['ams1-a', 'ams1-peer', 'import', '8.8.8.0/24', '--as-path', '64612 15169']
    const communities = ['--community', 'graceful-shutdown', '--community', '64500:1:1']
    expect(await explain(...words, ...communities)).toMatchObject({
      verdict: 'accept',
      set: { localPref: 0, communitiesRemoved: ['64500:1:1'], onlyToCustomer: 64612 },
    })
  })

  test('assumes --local for our own prefix on export, and prints a note', async () => {
    const own = ['fra1-a', 'fra1-transit', 'export', '192.0.2.0/24']
    expect(await explain(...own)).toMatchObject({ verdict: 'accept', assumed: ['local'] })
    expect(await explain(...own, '--local')).not.toHaveProperty('assumed')
    const learned = { verdict: 'reject', rule: 'learned-route' }
    expect(await explain(...own, '--no-local')).toMatchObject(learned)
    expect(await explain(...own, '--as-path', '64999')).toMatchObject(learned)
    // Not our own prefix, but a more specific one.
    const part = await explain('fra1-a', 'fra1-transit', 'export', '192.0.2.128/25')
    expect(part).toMatchObject(learned)
    expect(part).not.toHaveProperty('assumed')
    expect((await run('explain', ...own)).stdout).toContain(
      'note    fra1-a originates 192.0.2.0/24, so --local is assumed; --no-local explains the route as learned',
    )
  })

  test('validates an origin with the given VRPs', async () => {
    const vrps = await writeVrps({ prefix: '8.8.8.0/24', maxLength: 24, asn: 15169 })
    const from = (asPath: string) =>
      explain(...['--vrps', vrps, 'ams1-a', 'ams1-peer', 'import', '8.8.8.0/24'], ...['--as-path', asPath])
    expect(await from('64612 15169')).toMatchObject({ verdict: 'accept' })
    expect(await from('64612 3')).toMatchObject({ verdict: 'reject', rule: 'rpki-invalid' })
  })

  test.each([
    [
      ['fra1-b', 'fra1-transit', 'export', '192.0.2.0/24'],
      'there is no node "fra1-b"\n    did you mean fra1-a?',
    ],
    [['fra1-a', 'transit', 'export', '192.0.2.0/24'], 'fra1-a has no neighbor "transit"'],
    [['fra1-a', 'fra1-transit', 'import', '::/0'], '::/0 is not an IPv4 prefix'],
    [['fra1-a', 'fra1-transit', 'import', '192.0.2.1/24'], '"192.0.2.1/24" has host bits set beyond /24'],
    [['fra1-a', 'fra1-transit', 'import', '0.0.0.0/0', '--as-path', 'AS1'], '"AS1" is not an AS path'],
    [
      ['fra1-a', 'fra1-transit', 'import', '0.0.0.0/0', '--community', '70000:1'],
      '"70000:1" has a part beyond',
    ],
    [['fra1-a', 'fra1-transit', 'import', '0.0.0.0/0', '--local'], 'a route from a neighbor is not local'],
  ])('%s is an error with its reason', async (words, message) => {
    const { exitCode, stdout, stderr } = await run('explain', ...words)
    expect(stderr).toContain(message)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  })
})

describe('preflight', () => {
  test('prints the state of each announcement, and exits 1 if one is invalid', async () => {
    const vrps = await writeVrps(
      { prefix: '192.0.2.0/24', maxLength: 24, asn: 64500 },
      { prefix: '2001:db8::/32', maxLength: 32, asn: 64500 },
    )
    const { exitCode, stdout } = await run('preflight', '--json', '--vrps', vrps)
    const { announcements } = JSON.parse(stdout) as { announcements: { findings: { hint: string }[] }[] }
    expect(announcements).toMatchObject([
      { prefix: '192.0.2.0/24', origin: 64500, nodes: ['ams1-a', 'fra1-a', 'nyc1-a'], state: 'valid' },
      { prefix: '2001:db8:51::/48', state: 'invalid-length', vrps: [{ maxLength: 32, asn: 64500 }] },
    ])
    expect(announcements[1]!.findings[0]!.hint).toBe('create a ROA: AS64500, 2001:db8:51::/48, maxLength 48')
    expect(exitCode).toBe(1)
  })

  test('exits 0 where no VRP covers our prefixes, and prints the ROA to create', async () => {
    const vrps = await writeVrps({ prefix: '198.51.100.0/24', maxLength: 24, asn: 64500 })
    const { exitCode, stdout } = await run('preflight', '--vrps', vrps)
    expect(stdout).toContain('create a ROA: AS64500, 192.0.2.0/24, maxLength 24')
    expect(exitCode).toBe(0)
  })

  test('exits 2 where the VRPs cannot be read', async () => {
    const file = join(folder, 'vrps.json')
    await writeFile(file, '{"roas": [')
    const { exitCode, stderr } = await run('preflight', '--vrps', file)
    expect(stderr).toContain(file)
    expect(exitCode).toBe(2)
  })
})

describe('rtr', () => {
  const start = (...words: string[]) =>
    execa(process.execPath, [cli, 'rtr', ...words], { stdout: 'ignore', reject: false })
  let server: ReturnType<typeof start> | null = null
  afterEach(async () => {
    server?.kill('SIGKILL')
    await server
    server = null
  })

  /** Starts it on a free port, and returns the port. */
  async function serve(vrps: string, ...further: string[]): Promise<number> {
    const words = [
      '--vrps',
      vrps,
      '--listen',
      '127.0.0.1:0',
      '--poll',
      '50ms',
      '--state',
      join(folder, 'state'),
      ...further,
    ]
    const child = start(...words)
    server = child
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    let port: number | null = null
    await until('rtr listens', async () => {
      const line = log.split('\n').find((text) => text.includes('"event":"listen"'))
      if (line !== undefined) port = (JSON.parse(line) as { port: number }).port
      return port === null ? log : null
    })
    return port!
  }

  test('serves the last good set when its file is emptied, also after a restart', async () => {
    const vrps = await writeVrps({ prefix: '192.0.2.0/24', maxLength: 24, asn: 64500 })
    const port = await serve(vrps)
    expect(await countPrefixes(port)).toBe(1)
    await writeVrps()
    expect(await countPrefixes(port)).toBe(1)
    server!.kill('SIGTERM')
    const { exitCode, stderr } = await server!
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(await countPrefixes(await serve(vrps))).toBe(1)
  })

  test('has metrics, which are valid for promtool, and is unhealthy without VRPs', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const file = await writeVrps()
    await serve(file, '--metrics', `127.0.0.1:${port}`)
    const read = async () => (await fetch(`${url}/metrics`)).text()
    expect(await read()).not.toMatch(/^anyward_rtr_vrps/m)
    expect((await fetch(`${url}/healthz`)).status).toBe(503)
    await writeVrps({ prefix: '192.0.2.0/24', maxLength: 24, asn: 64500 })
    await until('the VRP is served', async () => {
      const text = await read()
      return /^anyward_rtr_vrps 1$/m.test(text) ? null : text
    })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    const text = await read()
    const generated = Number(/^anyward_rtr_vrps_timestamp_seconds (\S+)$/m.exec(text)?.[1])
    expect(Math.abs(Date.now() / 1000 - generated)).toBeLessThan(60)
    expect(text).toMatch(/^anyward_rtr_routers 0$/m)
    const checked = await execa('promtool', ['check', 'metrics'], { input: text, reject: false, all: true })
    expect(checked.exitCode, checked.all).toBe(0)
  })

  test('stops serving a VRP when it expires, although its file does not change', async () => {
    const one = { prefix: '192.0.2.0/24', maxLength: 24, asn: 64500 }
    const expires = Math.ceil(Date.now() / 1000) + 20
    const vrps = await writeVrps(one, { ...one, prefix: '198.51.100.0/24', expires })
    const port = await serve(vrps)
    if (Date.now() < expires * 1000 - 1000) expect(await countPrefixes(port)).toBe(2)
    await untilEqual('the number of VRPs', 1, () => countPrefixes(port), 60_000)
  })

  test('serves the new content after its file has changed', async () => {
    const one = { prefix: '192.0.2.0/24', maxLength: 24, asn: 64500 }
    const vrps = await writeVrps(one)
    const port = await serve(vrps)
    await writeVrps(one, { prefix: '198.51.100.0/24', maxLength: 24, asn: 64500 })
    await untilEqual('the number of VRPs', 2, () => countPrefixes(port))
  })

  /** Queries as a router does (RFC 8210, section 5): Reset Query, then PDUs until End of Data. */
  function countPrefixes(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port })
      let buffer = Buffer.alloc(0)
      let prefixes = 0
      socket.setTimeout(10_000, () => socket.destroy(new Error('no End of Data within 10 s')))
      socket.on('error', reject)
      socket.on('data', (data) => {
        buffer = Buffer.concat([buffer, data])
        while (buffer.length >= 8 && buffer.length >= buffer.readUInt32BE(4)) {
          const type = buffer.readUInt8(1)
          if (type === 4 || type === 6) prefixes += 1
          buffer = buffer.subarray(buffer.readUInt32BE(4))
          if (type === 7 || type === 10) {
            socket.destroy()
            if (type === 7) resolve(prefixes)
            else reject(new Error('an Error Report came'))
          }
        }
      })
      socket.write(Buffer.from([1, 2, 0, 0, 0, 0, 0, 8]))
    })
  }
})
