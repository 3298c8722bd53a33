import { lchown, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import type { Announcements } from '../../../src/net/announcements.ts'
import { findOwner } from '../../../src/node/apply/files.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { observeLists } from '../../observation-lists.ts'
import { cli } from '../fixtures/lab/lab.ts'
import { covering4, covering6, host4, host6, otherCovering4 } from '../fixtures/routing/configs.ts'
import { Daemon } from '../fixtures/routing/daemon-process.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'

/** An engineer's own line. It must stay. */
const foreign = '203.0.113.0/24'
const announced: Announcements = new Map([
  [covering4, 'normal'],
  [host4, 'degraded'],
  [otherCovering4, 'normal'],
  [covering6, 'degraded'],
  [host6, 'normal'],
])

let pair: Pair
let frr: RoutingDaemon
let configDir: string
let bundle: string
let original: string

beforeAll(async () => {
  pair = await startPair('frr')
  frr = createFrr({ manifest: pair.manifest })
  configDir = dirname(pair.configFile)
  await execa('chown', ['-R', 'frr:frr', configDir])
  original = await readFile(pair.configFile, 'utf8')
  bundle = join(dirname(configDir), 'bundle')
  await mkdir(bundle)
  await writeBundle(pair.configFile)
})

afterAll(async () => {
  frr?.close()
  await pair?.stop()
})

beforeEach(async () => {
  await frr.apply(new Map())
  await vtysh('configure terminal', 'router bgp 64500', 'address-family ipv4 unicast', `network ${foreign}`)
})

async function writeBundle(configFile: string): Promise<void> {
  const manifest: Manifest = { ...pair.manifest, paths: { ...pair.manifest.paths, configFile } }
  await writeFile(join(bundle, 'manifest.json'), JSON.stringify(manifest))
}

async function vtysh(...commands: string[]): Promise<void> {
  const places = ['--vty_socket', dirname(pair.manifest.paths.daemonSocket), '--config_dir', configDir]
  await execa('vtysh', [...places, ...commands.flatMap((command) => ['-c', command])])
}

async function announce(): Promise<void> {
  await until('the neighbors have what is announced', async () => {
    await frr.apply(announced)
    const received = await pair.received('tor1')
    return received.length === 4 ? null : `tor1 has ${received}`
  })
}

/** What FRR's unit runs before FRR starts, with the program of this checkout. */
async function runBeforeStart(): Promise<{ exitCode: number | undefined; all: string }> {
  const unit = await readFile('scripts/packaging/units/frr.service.d.conf', 'utf8')
  const line = /^ExecStartPre=-(.+)$/m.exec(unit)![1]!
  const argv = line
    .replace('/usr/bin/anyward', `${process.execPath} ${cli}`)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is systemd's
    .replace('${ANYWARD_BUNDLE}', bundle)
    .split(' ')
  const { exitCode, all } = await execa(argv[0]!, argv.slice(1), {
    reject: false,
    all: true,
    stdin: 'ignore',
  })
  return { exitCode, all }
}

/** Starts bgpd and loads the file with `vtysh -b`, as at a boot. */
async function restart(): Promise<void> {
  await pair.daemon.kill()
  await pair.daemon.start()
  await pair.sessionsUp()
  await untilEqual('bgpd announces what its file says', true, async () =>
    (await pair.received('tor1')).includes(foreign),
  )
}

/** The configuration without announcements, as `write memory` prints it. */
async function saveWithout(): Promise<string> {
  await vtysh('write memory')
  return readFile(pair.configFile, 'utf8')
}

describe('an announcement saved in frr.conf', () => {
  test.each(['write memory', 'copy running-config startup-config', 'write file'])(
    'by “%s” is removed before FRR starts, and nothing else is removed',
    async (command) => {
      const without = await saveWithout()
      await announce()
      await vtysh(command)
      expect(await readFile(pair.configFile, 'utf8')).toContain(`network ${host4} route-map aw-degraded`)
      const { mode, uid, gid } = await stat(pair.configFile)

      const { exitCode, all } = await runBeforeStart()
      expect(exitCode, all).toBe(0)
      for (const prefix of announced.keys()) expect(all).toContain(`network ${prefix}`)
      expect(await readFile(pair.configFile, 'utf8')).toBe(without)
      expect(await stat(pair.configFile)).toMatchObject({ mode, uid, gid })

      await restart()
      expect(await pair.received('tor1')).toEqual([foreign])
      expect(await pair.received('tor6')).toEqual([])
      expect((await observeLists(frr)).originated).toEqual([])
      // Nothing is left to remove.
      expect(await runBeforeStart()).toMatchObject({ exitCode: 0, all: expect.stringContaining('no saved') })
    },
  )

  test('is announced when FRR starts without a controller, unless it is removed', async () => {
    await announce()
    await vtysh('write memory')
    await restart()
    await untilEqual('what tor1 has', [covering4, host4, otherCovering4, foreign].sort(), () =>
      pair.received('tor1'),
    )
    expect((await runBeforeStart()).exitCode).toBe(0)
  })

  test('in bgpd.conf and its backup is removed', async () => {
    const dir = join(dirname(configDir), 'alone')
    const alone = { config: join(dir, 'bgpd.conf'), vty: join(dir, 'vty') }
    await mkdir(alone.vty, { recursive: true })
    await writeFile(alone.config, original)
    await writeFile(join(dir, 'vtysh.conf'), 'no service integrated-vtysh-config\n')
    await execa('chown', ['-R', 'frr:frr', dir])
    const daemon = new Daemon({
      namespace: pair.namespace,
      argv: [
        '/usr/lib/frr/bgpd',
        ...['--vty_socket', alone.vty, '-z', join(alone.vty, 'zserv.api'), '-i', join(alone.vty, 'pid')],
        ...['-f', alone.config, '-A', '127.0.0.1', '-P', '0', '-p', '0'],
      ],
      socketPath: join(alone.vty, 'bgpd.vty'),
    })
    const { paths } = pair.manifest
    const bgpd = createFrr({
      manifest: { ...pair.manifest, paths: { ...paths, daemonSocket: join(alone.vty, 'bgpd.vty') } },
    })
    const save = () => execa('vtysh', ['--vty_socket', alone.vty, '--config_dir', dir, '-c', 'write memory'])
    try {
      await writeBundle(join(dir, 'frr.conf'))
      await daemon.start()
      await bgpd.apply(announced)
      // The second time, the backup is what the first run saved.
      await save()
      await save()
      const saved = [alone.config, `${alone.config}.sav`]
      for (const file of saved) expect(await readFile(file, 'utf8')).toContain(`  network ${covering6}`)
      const { exitCode, all } = await runBeforeStart()
      expect(exitCode, all).toBe(0)
      for (const file of saved) {
        expect(await readFile(file, 'utf8')).not.toMatch(/^ *network /m)
        expect(await readFile(file, 'utf8')).toContain('neighbor 10.9.1.1 remote-as 64601')
      }
      await daemon.kill()
      await daemon.start()
      await until('bgpd has read its file', async () => {
        const { neighbors, originated } = await observeLists(bgpd)
        expect(originated).toEqual([])
        return neighbors.every(({ session }) => session !== 'missing') ? null : 'it has no sessions'
      })
    } finally {
      bgpd.close()
      await daemon.kill()
      await writeBundle(pair.configFile)
    }
  })
})

describe('before FRR starts', () => {
  test('a symbolic link made by the user frr is not followed, and its target is unchanged', async () => {
    const target = join(dirname(configDir), 'target')
    const text = `router bgp 64500\n network ${covering4}\n`
    await writeFile(target, text)
    await rm(pair.configFile)
    await symlink(target, pair.configFile)
    const owner = await findOwner('frr')
    await lchown(pair.configFile, owner.uid, owner.gid)
    try {
      const { exitCode, all } = await runBeforeStart()
      expect(exitCode).toBe(2)
      expect(all).toContain(`${pair.configFile} is a link of another user`)
      expect(await readFile(target, 'utf8')).toBe(text)
    } finally {
      await rm(pair.configFile)
      await writeFile(pair.configFile, original)
    }
  })

  test('a named pipe in place of the file does not delay FRR', async () => {
    await rm(pair.configFile)
    await execa('mkfifo', [pair.configFile])
    try {
      const { exitCode, all } = await runBeforeStart()
      expect(exitCode).toBe(2)
      expect(all).toContain('is not a regular file')
    } finally {
      await rm(pair.configFile)
      await writeFile(pair.configFile, original)
    }
  })

  test('a damaged bundle is an error, a missing bundle is not', async () => {
    await writeFile(join(bundle, 'manifest.json'), '{')
    expect((await runBeforeStart()).exitCode).toBeGreaterThan(0)
    await rm(join(bundle, 'manifest.json'))
    expect(await runBeforeStart()).toMatchObject({ exitCode: 0, all: expect.stringContaining('no bundle') })
    await writeBundle(pair.configFile)
  })
})
