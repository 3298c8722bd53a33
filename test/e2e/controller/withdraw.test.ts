import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { patience } from '../../patience.ts'
import { everything, otherCovering4 } from '../fixtures/routing/configs.ts'
import { untilAnnounced } from '../fixtures/routing/expectations.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'

const cli = 'dist/cli/main.js'
const nothing = new Set<string>()
const anycast = ['192.0.2.1', '2001:db8:51::1']

interface Said {
  way: string | null
  withdrawn: boolean
  lasting: boolean
  looked: boolean
  troubles: string[]
  held: { address: string; prefixLength: number; interface: string }[]
  services: { name: string; announced: { neighbor: string; prefix: string }[] }[]
}

describe.each(['bird', 'frr'] as const)('anyward withdraw without a controller, behind %s', (kind) => {
  let pair: Pair
  let daemon: RoutingDaemon
  let manifest: Manifest
  let bundle: string
  const servers: Server[] = []

  beforeAll(async () => {
    pair = await startPair(kind)
    const dir = dirname(pair.manifest.paths.daemonSocket)
    bundle = `${dir}-bundle`
    manifest = {
      ...pair.manifest,
      paths: { ...pair.manifest.paths, runtimeDir: `${dir}-run`, stateDir: `${dir}-state` },
      services: pair.manifest.services.map((service) =>
        service.name === 'vpn' ? { ...service, anycast, deadManMs: 3000 } : service,
      ),
    }
    daemon = kind === 'bird' ? createBird({ manifest }) : createFrr({ manifest })
  })
  afterAll(async () => {
    daemon?.close()
    await pair?.stop()
  })

  beforeEach(async () => {
    const { runtimeDir, stateDir } = manifest.paths
    for (const folder of [bundle, runtimeDir, stateDir]) {
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder)
    }
    await writeFile(join(bundle, 'manifest.json'), JSON.stringify(manifest))
    for (const address of anycast) await inside('ip', ['addr', 'replace', full(address), 'dev', 'lo'])
    await daemon.apply(normally(everything))
    await untilAnnounced(pair, everything)
  })
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  const inside = (program: string, args: readonly string[], env: Record<string, string> = {}) =>
    execa('ip', ['netns', 'exec', pair.namespace, program, ...args], { reject: false, env })
  const withdraw = async (args: readonly string[] = [], env: Record<string, string> = {}) => {
    const command = [cli, 'withdraw', '--json', '--bundle', bundle, ...args]
    const { stdout, stderr, exitCode } = await inside(process.execPath, command, env)
    const said = stdout === '' ? null : (JSON.parse(stdout) as Said)
    return { said: said!, stderr, exitCode }
  }
  const full = (address: string) => `${address}/${address.includes(':') ? 128 : 32}`
  const addressesOn = async () => {
    const { stdout } = await inside('ip', ['-j', 'addr', 'show', 'dev', 'lo'])
    const [link] = JSON.parse(stdout) as [{ addr_info: { local: string }[] }]
    return anycast.filter((address) => link.addr_info.some(({ local }) => local === address))
  }
  const savedIntent = async () =>
    JSON.parse(await readFile(join(manifest.paths.stateDir, 'operator.json'), 'utf8')).operator.intent
  /** A server on the controller's socket that is not the controller. */
  const standIn = async (path: string, answer: string | null) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      if (answer !== null) socket.end(answer)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen({ path }, resolve))
  }
  const direct = kind === 'bird' ? 'owned-file' : 'network-line'

  test('prints the method used, and the next controller keeps the withdrawal', async () => {
    const { said, exitCode } = await withdraw(['--reason', 'a test'])
    expect(said).toMatchObject({ way: direct, withdrawn: true, lasting: true, troubles: [], held: [] })
    expect(said.services.map(({ announced }) => announced)).toEqual([[], []])
    expect(exitCode).toBe(0)
    await untilAnnounced(pair, nothing)
    expect(await savedIntent()).toBe('withdraw')
    expect(await addressesOn()).toEqual(anycast)
  })

  test('failure 21: works without a state folder, and prints that the next controller does not know of it', async () => {
    await rm(manifest.paths.stateDir, { recursive: true })
    const { said, exitCode } = await withdraw()
    expect(said).toMatchObject({ way: direct, withdrawn: true, lasting: true })
    expect(said.troubles.join()).toContain('a controller that starts now does not know of this')
    expect(exitCode).toBe(0)
    await untilAnnounced(pair, nothing)
  })

  test('failure 21: works where the runtime and state folders are regular files', async () => {
    for (const folder of [manifest.paths.runtimeDir, manifest.paths.stateDir]) {
      await rm(folder, { recursive: true })
      await writeFile(folder, '')
    }
    const { said, exitCode, stderr } = await withdraw()
    expect(said, stderr).toMatchObject({ way: direct, withdrawn: true })
    expect(exitCode).toBe(0)
    await untilAnnounced(pair, nothing)
    for (const folder of [manifest.paths.runtimeDir, manifest.paths.stateDir]) await rm(folder)
  })

  test('works where the controller’s user has put named pipes in place of files: root waits for none of them', async () => {
    const { runtimeDir, stateDir, announceFile } = manifest.paths
    const pipes = [join(runtimeDir, 'held-addresses.json'), join(stateDir, 'operator.json'), announceFile]
    for (const pipe of pipes) {
      if (pipe === null) continue
      await rm(pipe, { force: true })
      await execa('mkfifo', [pipe])
    }
    const { said, exitCode, stderr } = await withdraw()
    expect(said, stderr).toMatchObject({ way: direct, withdrawn: true })
    expect(exitCode).toBe(0)
    await untilAnnounced(pair, nothing)
    expect(await savedIntent()).toBe('withdraw')
  }, 60_000)

  test.each([
    ['hangs', null],
    ['sends an invalid answer', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{{{'],
    ['does not speak HTTP', 'what?\n'],
  ])('failure 3: bypasses a controller that %s', async (_, answer) => {
    await standIn(join(manifest.paths.runtimeDir, 'controller.sock'), answer)
    const { said, exitCode } = await withdraw()
    expect(said).toMatchObject({ way: direct, withdrawn: true })
    expect(said.troubles.join()).toMatch(/bypassed\. If it resumes it may announce again/)
    expect(exitCode).toBe(0)
    await untilAnnounced(pair, nothing)
    expect(await savedIntent()).toBe('withdraw')
  })

  test('failure 4: with a stopped daemon, the addresses are removed, and restored once the routes are withdrawn', async () => {
    await pair.daemon.freeze()
    try {
      const begun = performance.now()
      const { said, exitCode, stderr } = await withdraw()
      expect(said).toMatchObject({ way: 'address', withdrawn: false, lasting: false, looked: false })
      expect(said.held.map(({ address }) => address)).toEqual(anycast)
      expect(exitCode).toBe(2)
      expect(stderr).toContain('put it back with: ip addr add 192.0.2.1/32 dev lo')
      expect(performance.now() - begun).toBeLessThan(patience(15_000))
      expect(await addressesOn()).toEqual([])
      // Again: no more addresses to remove, and the note still lists them all.
      expect((await withdraw()).said).toMatchObject({ way: 'address', held: said.held })
    } finally {
      pair.daemon.thaw()
    }
    const { said, exitCode } = await withdraw()
    expect(said).toMatchObject({ way: direct, withdrawn: true, lasting: true, held: [] })
    expect(exitCode).toBe(0)
    await untilAnnounced(pair, nothing)
    expect(await addressesOn()).toEqual(anycast)
  })

  test('failure 4: with no daemon running, it succeeds, and the daemon announces nothing when it starts', async () => {
    await pair.daemon.kill()
    try {
      const { said, exitCode } = await withdraw()
      expect(said).toMatchObject({ way: 'not-running', withdrawn: true, lasting: true, held: [] })
      expect(exitCode).toBe(0)
      expect(await addressesOn()).toEqual(anycast)
    } finally {
      await pair.daemon.start()
    }
    await pair.sessionsUp()
    await untilAnnounced(pair, nothing)
  })

  test('a running daemon whose socket was removed is not mistaken for a dead one', async () => {
    const { daemonSocket } = manifest.paths
    await execa('mv', [daemonSocket, `${daemonSocket}.aside`])
    try {
      const { said, exitCode } = await withdraw()
      expect(said, said.troubles.join('\n')).toMatchObject({
        way: 'address',
        withdrawn: false,
        looked: false,
      })
      expect(said.troubles.join()).toContain(`process ${pair.daemon.pid} is a`)
      expect(exitCode).toBe(2)
      expect(await addressesOn()).toEqual([])
    } finally {
      await execa('mv', [`${daemonSocket}.aside`, daemonSocket])
    }
    expect((await withdraw()).said).toMatchObject({ way: direct, held: [] })
    expect(await addressesOn()).toEqual(anycast)
  })

  test('--after-stop does nothing after a clean exit, and after a crash withdraws the services with deadManMs', async () => {
    expect(await withdraw(['--after-stop'], { SERVICE_RESULT: 'success' })).toMatchObject({
      said: null,
      exitCode: 0,
    })
    await untilAnnounced(pair, everything)
    const { said, exitCode } = await withdraw(['--after-stop'], { SERVICE_RESULT: 'signal' })
    expect(said).toMatchObject({ way: direct, withdrawn: true })
    expect(said.services.map(({ name }) => name)).toEqual(['vpn'])
    expect(exitCode).toBe(0)
    await untilAnnounced(pair, new Set([otherCovering4]))
  })

  if (kind === 'bird') {
    test('failure 7: with a broken bird.conf, the protocols are disabled, and the owned file is correct for the next start', async () => {
      const good = await readFile(pair.configFile, 'utf8')
      await appendFile(pair.configFile, 'this is no configuration\n')
      try {
        const { said, exitCode } = await withdraw()
        expect(said).toMatchObject({ way: 'disable', withdrawn: true, lasting: true })
        expect(said.troubles.join()).toContain('syntax error')
        expect(exitCode).toBe(0)
        await untilAnnounced(pair, nothing)
        expect(await readFile(manifest.paths.announceFile!, 'utf8')).not.toContain('route ')
      } finally {
        await writeFile(pair.configFile, good)
      }
      expect((await withdraw()).said).toMatchObject({ way: 'owned-file' })
    })

    test('failure 21: where the owned file cannot be written, the protocols are disabled, and lasting is false', async () => {
      const { announceFile } = manifest.paths
      const good = await readFile(pair.configFile, 'utf8')
      const text = await readFile(announceFile!, 'utf8')
      const folder = `${dirname(announceFile!)}-readonly`
      await mkdir(folder)
      await writeFile(join(folder, 'announce.conf'), text)
      await writeFile(pair.configFile, good.replace(dirname(announceFile!), folder))
      const readOnly = {
        ...manifest,
        paths: { ...manifest.paths, announceFile: join(folder, 'announce.conf') },
      }
      await writeFile(join(bundle, 'manifest.json'), JSON.stringify(readOnly))
      await execa('mount', ['--bind', folder, folder])
      await execa('mount', ['-o', 'remount,bind,ro', folder])
      try {
        const { said, exitCode } = await withdraw()
        expect(said).toMatchObject({ way: 'disable', withdrawn: true, lasting: false })
        expect(said.troubles.join()).toContain('EROFS')
        expect(exitCode).toBe(0)
        await untilAnnounced(pair, nothing)
      } finally {
        await execa('umount', [folder])
        await rm(folder, { recursive: true })
        await writeFile(pair.configFile, good)
        await writeFile(join(bundle, 'manifest.json'), JSON.stringify(manifest))
      }
      expect((await withdraw()).said).toMatchObject({ way: 'owned-file' })
    })
  }
})
