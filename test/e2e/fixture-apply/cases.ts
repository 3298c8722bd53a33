import { access, cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { journalPath } from '../../../src/node/apply/lock.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { Vtysh } from '../../../src/node/routing/frr/vtysh.ts'
import { installedVersion } from '../../installed-version.ts'
import { patience } from '../../patience.ts'
import {
  cli,
  inside,
  type Lab,
  type LabNode,
  labDown,
  labUp,
  NeighborTables,
  until,
} from '../fixture-lab/lab.ts'
import { squat } from '../squatter.ts'
import { alterBundle, applyOn, configName } from './bundles.ts'

/** The tests of apply that both daemons must pass, each daemon in a lab of its own. */
export function testApplyOn(daemon: 'bird' | 'frr'): void {
  let lab: Lab
  let dir: string
  let node: LabNode
  let tables: NeighborTables
  let everything: string[]
  let manifest: Manifest
  let configFile: string

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'apply-'))
    lab = await labUp('test/e2e/fleet')
    node = lab.nodes.find((candidate) => candidate.daemon === daemon)!
    tables = new NeighborTables(lab, node)
    everything = await tables.read()
    manifest = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
    configFile = manifest.paths.configFile!
  }, patience(120_000))
  const afterThisNode: (() => Promise<unknown>)[] = []
  afterAll(async () => {
    tables.close()
    for (const end of afterThisNode) await end()
    await labDown()
    await rm(dir, { recursive: true, force: true })
  }, patience(60_000))

  const isBack = () =>
    until(
      'the neighbors have every route',
      () => tables.read(),
      (rows) => rows.join() === everything.join(),
      120_000,
    )
  const vtysh = () => new Vtysh(dirname(node.controlSocket))
  /** The running configuration. BIRD does not print it, so the descriptions of its sessions stand for it. */
  const running = async () =>
    daemon === 'frr'
      ? vtysh().readRunning()
      : (await execa('birdc', ['-s', node.controlSocket, 'show', 'protocols', 'all'])).stdout
          .split('\n')
          .filter((line) => /Description:|Neighbor AS:/.test(line))
          .join('\n')
  const state = async () => ({
    config: await readFile(configFile, 'utf8'),
    manifest: await readFile(join(node.bundle, 'manifest.json'), 'utf8'),
    running: await running(),
  })
  let serial = 0
  /** A harmless change that is visible in the running configuration. */
  const withNewDescriptions = () => {
    serial += 1
    const words = `revision ${serial} `
    return (config: string) =>
      config.replaceAll(daemon === 'bird' ? /description "/g : /description /g, (start) => `${start}${words}`)
  }
  /** A change that makes a neighbor refuse the session. */
  const spoil = (config: string) => {
    const { address, asn } = manifest.neighbors[0]!
    return daemon === 'bird'
      ? config.replace(`neighbor ${address} as ${asn};`, `neighbor ${address} as 64999;`)
      : config.replace(`neighbor ${address} remote-as ${asn}`, `neighbor ${address} remote-as 64999`)
  }
  const isJournalThere = () =>
    access(journalPath(manifest.paths.bundleDir!)).then(
      () => true,
      () => false,
    )
  /** An apply killed at a step while there is something to repair: the signal may come too late for a short step. */
  const killAt = async (moment: string) => {
    for (let attempt = 1; ; attempt += 1) {
      const killed = await applyOn(node, await bundle(spoil), {
        timeout: '5s',
        onStep(step, signal) {
          if (step === moment) signal('SIGKILL')
        },
      })
      if (attempt === 10 || (await isJournalThere())) return killed
      await isBack()
    }
  }
  const bundle = (edit: (config: string) => string, editManifest?: (manifest: Manifest) => Manifest) =>
    alterBundle(node, join(dir, `${daemon}-bundle`), edit, editManifest)

  test('changes nothing when the bundle is installed already, and writes no file', async () => {
    const before = await stat(configFile, { bigint: true })
    const { exitCode, outcome } = await applyOn(node, node.bundle)
    expect(exitCode).toBe(0)
    expect(outcome).toMatchObject({ applied: false, effect: 'none', undone: false, reason: 'nothing-to-do' })
    const after = await stat(configFile, { bigint: true })
    expect([after.mtimeNs, after.ino]).toEqual([before.mtimeNs, before.ino])
  })

  if (daemon === 'frr') {
    test('announcements saved by “write memory” are reported by the controller and removed by apply', async () => {
      /** How many times each session has come up. */
      const starts = async () => {
        const vty = new Vty({ socketPath: node.controlSocket, deadlineMs: 5000 })
        const summary = JSON.parse(await vty.ask('show bgp summary json')) as {
          ipv4Unicast: { peers: Record<string, { connectionsEstablished: number }> }
        }
        vty.close()
        return Object.entries(summary.ipv4Unicast.peers).map(([peer, { connectionsEstablished }]) => [
          peer,
          connectionsEstablished,
        ])
      }
      const status = async () => ((await (await fetch(node.statusUrl)).json()) as NodeStatus).daemon
      const reports = async () =>
        (await readFile(join(manifest.paths.stateDir, 'events.jsonl'), 'utf8'))
          .split('\n')
          .filter((line) => line.includes('"event":"saved-announcements"'))
      const own = manifest.services.flatMap(({ prefixes }) => prefixes)
      const before = await state()
      const startsBefore = await starts()

      await inside(node, 'vtysh', [
        ...['--vty_socket', dirname(node.controlSocket), '--config_dir', dirname(configFile)],
        ...['-c', 'write memory'],
      ])
      const { savedAnnouncements } = await until('the status has the change', status, (daemonStatus) =>
        own.every((prefix) => daemonStatus.savedAnnouncements.some((one) => one.prefix === prefix)),
      )
      expect(savedAnnouncements.map(({ file }) => file)).toEqual(own.map(() => configFile))
      const metrics = await (await fetch(node.statusUrl.replace(/status$/, 'metrics'))).text()
      expect(metrics).toContain(`anyward_saved_announcements ${own.length}`)
      const [report] = await until('an event reports it', reports, (lines) => lines.length > 0)
      expect(report).toContain(`${configFile} has saved announcements`)
      expect(report).toContain('anyward apply --clean')
      const shown = await execa(process.execPath, [cli, 'status', '--node', node.name], { reject: false })
      expect(shown.stdout).toContain(`${configFile} has saved announcements`)
      expect(shown.exitCode).toBe(1)

      const { exitCode, outcome } = await applyOn(node, node.bundle)
      expect(outcome).toMatchObject({ applied: true, effect: 'none', reason: 'applied' })
      expect(exitCode).toBe(0)
      for (const prefix of own) expect(outcome!.notes.join()).toContain(prefix)
      expect(await state()).toEqual(before)
      expect(await starts()).toEqual(startsBefore)
      expect(await tables.read()).toEqual(everything)
      await until('the status has the change', status, (now) => now.savedAnnouncements.length === 0)
      // Each of the two changes is reported once.
      expect(await until('events', reports, (lines) => lines.length >= 2)).toHaveLength(2)
    })
  }

  test('applies a change, and no neighbor loses a route meanwhile', async () => {
    let ended = false
    const misses: string[] = []
    const looking = (async () => {
      while (!ended) {
        const rows = await tables.read()
        if (rows.join() !== everything.join()) misses.push(rows.join())
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    const { exitCode, outcome } = await applyOn(node, await bundle(withNewDescriptions()))
    ended = true
    await looking
    expect(outcome).toMatchObject({ applied: true, undone: false, reason: 'applied' })
    expect(exitCode).toBe(0)
    expect(misses).toEqual([])
    expect(await running()).toContain(`revision ${serial} `)
    expect(await readFile(configFile, 'utf8')).toContain(`revision ${serial} `)
    expect((await stat(configFile)).mode & 0o007).toBe(0)
  })

  test('refuses a bundle for another version of the daemon, and changes nothing', async () => {
    const before = await state()
    const bundle = await alterBundle(node, join(dir, 'version'), withNewDescriptions(), (one) => ({
      ...one,
      daemonVersions: { from: null, below: '2.0', because: 'RPKI caches' },
    }))
    const { exitCode, outcome } = await applyOn(node, bundle)
    expect(exitCode).toBe(1)
    const name = daemon.toUpperCase()
    expect(outcome).toMatchObject({
      applied: false,
      reason: 'refused',
      detail: `this bundle is for ${name} before 2.0 (RPKI caches), and ${name} ${installedVersion(daemon)} runs here`,
    })
    expect(await state()).toEqual(before)
  })

  test('refuses a configuration that the daemon’s parser refuses, with file and line, and changes nothing', async () => {
    const before = await state()
    const broken = await bundle((config) => `${config}this is nothing\n`)
    const { exitCode, outcome } = await applyOn(node, broken)
    expect(exitCode).toBe(1)
    expect(outcome).toMatchObject({ applied: false, undone: false, reason: 'parser-refused' })
    expect(outcome!.detail).toMatch(daemon === 'bird' ? /bird\.conf:\d+:\d+ / : /^frr\.conf: line \d+: /)
    expect(await state()).toEqual(before)
    expect(await tables.read()).toEqual(everything)
  })

  test('refuses a damaged bundle', async () => {
    const before = await state()
    const damaged = await bundle(withNewDescriptions())
    await writeFile(join(damaged, configName(node)), '# nothing\n')
    const { exitCode, outcome } = await applyOn(node, damaged)
    expect(exitCode).toBe(1)
    expect(outcome).toMatchObject({ applied: false, reason: 'damaged' })
    expect(await state()).toEqual(before)
  })

  test('undoes a change after which a neighbor refuses the session: files, running configuration and announcements are as before', async () => {
    const before = await state()
    const { exitCode, outcome } = await applyOn(node, await bundle(spoil), { timeout: '5s' })
    expect(outcome).toMatchObject({ applied: false, undone: true, reason: 'worse-than-before' })
    expect(outcome!.detail).toContain(`the session to ${manifest.neighbors[0]!.name} does not come back`)
    expect(exitCode).toBe(1)
    await isBack()
    expect(await state()).toEqual(before)
  })

  test('refuses to run beside another apply', async () => {
    const good = await bundle(withNewDescriptions())
    let second: ReturnType<typeof applyOn> | undefined
    const first = await applyOn(node, good, {
      onStep(step, signal) {
        if (step !== 'verify') return
        signal('SIGSTOP')
        second = applyOn(node, good).finally(() => signal('SIGCONT'))
      },
    })
    expect(first.outcome).toMatchObject({ applied: true })
    const { exitCode, outcome } = await second!
    expect(exitCode).toBe(1)
    expect(outcome).toMatchObject({ applied: false, reason: 'refused' })
    expect(outcome!.detail).toContain('another apply is running')
  })

  test('an unprivileged user who holds locks does not prevent an apply', async () => {
    const { runtimeDir, bundleDir } = manifest.paths
    const squatter = await squat(node.namespace, { runtimeDir, bundleDir: bundleDir! })
    const { outcome } = await applyOn(node, await bundle(withNewDescriptions()))
    await squatter.end()
    expect(outcome).toMatchObject({ applied: true })
    expect(squatter.taken).toEqual([])
  })

  test.each(['activate', 'verify', 'undo'])(
    'killed at “%s”: the next apply restores the former state first',
    async (moment) => {
      const before = await state()
      const killed = await killAt(moment)
      expect(killed.outcome).toBeNull()
      // With an unchanged bundle, the repair is the only change.
      const next = await applyOn(node, node.bundle)
      expect(next.stderr).toContain('an earlier apply was interrupted')
      expect(next.outcome).toMatchObject({ reason: 'nothing-to-do' })
      await isBack()
      expect(await state()).toEqual(before)
    },
  )

  test('killed at “install”: after the next apply the files and the running configuration agree', async () => {
    const changed = await bundle(withNewDescriptions())
    const words = `revision ${serial} `
    await applyOn(node, changed, {
      onStep(step, signal) {
        if (step === 'install') signal('SIGKILL')
      },
    })
    await applyOn(node, node.bundle)
    const inBundle = await readFile(join(node.bundle, configName(node)), 'utf8')
    const { config, running: runs } = await state()
    const has = inBundle.includes(words)
    expect([config.includes(words), runs.includes(words)]).toEqual([has, has])
    await isBack()
    expect(await applyOn(node, changed)).toMatchObject({ exitCode: 0 })
    expect(await running()).toContain(words)
  })

  test('killed before a boot: the controller restores the former state when it starts', async () => {
    const before = await state()
    await applyOn(node, await bundle(spoil), {
      onStep(step, signal) {
        if (step === 'verify') signal('SIGKILL')
      },
    })
    process.kill(node.controllerPid, 'SIGKILL')
    const args = [cli, 'controller', '--bundle', node.bundle]
    const controller = execa('ip', ['netns', 'exec', node.namespace, process.execPath, ...args], {
      reject: false,
    })
    afterThisNode.push(async () => {
      controller.kill()
      await controller
    })
    await isBack()
    await until('all is as before', state, (now) => JSON.stringify(now) === JSON.stringify(before))
    await until('the journal is gone', isJournalThere, (isThere) => !isThere)
  })

  test('a prefix that the controller withdraws during the trial stays withdrawn after the undo', async () => {
    let withdrawn: Promise<unknown> | undefined
    const returned: string[] = []
    let ended = false
    let looking: Promise<void> | undefined
    const gone = () =>
      until(
        'withdrawn',
        () => tables.read(),
        (rows) => rows.length === 0,
      )
    const { outcome } = await applyOn(node, await bundle(spoil), {
      timeout: '6s',
      onStep(step) {
        if (step !== 'verify') return
        withdrawn = inside(node, 'ip', ['addr', 'del', '192.0.2.1/32', 'dev', 'lo']).then(gone)
        looking = withdrawn.then(async () => {
          while (!ended) {
            returned.push(...(await tables.read()))
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        })
      },
    })
    await withdrawn
    expect(outcome).toMatchObject({ applied: false })
    await new Promise((resolve) => setImmediate(resolve))
    ended = true
    await looking
    expect(returned).toEqual([])
    expect(await tables.read()).toEqual([])
    await inside(node, 'ip', ['addr', 'add', '192.0.2.1/32', 'dev', 'lo'])
    await isBack()
  })

  // BIRD takes the prefixes to originate from the controller's own file only.
  if (daemon === 'frr') {
    test('withdraws a prefix that is no longer in the plan, and keeps network lines that an engineer typed', async () => {
      const [service] = manifest.services
      const file = join(node.bundle, 'manifest.json')
      const installed = JSON.parse(await readFile(file, 'utf8')) as Manifest
      const removed = { ...service!, name: 'removed', prefixes: ['203.0.113.0/24'] }
      await writeFile(
        file,
        `${JSON.stringify({ ...installed, services: [...installed.services, removed] }, null, 2)}\n`,
      )
      const type = (...lines: string[]) =>
        vtysh().configure([`router bgp ${manifest.asn}`, 'address-family ipv4 unicast', ...lines])
      await type('network 203.0.113.0/24', 'network 198.51.100.0/24')
      const next = await bundle(withNewDescriptions(), ({ services, ...rest }) => ({
        ...rest,
        services: services.filter(({ name }) => name !== 'removed'),
      }))
      const { outcome } = await applyOn(node, next)
      expect(outcome).toMatchObject({ applied: true })
      const now = await vtysh().readRunning()
      expect(now).not.toContain('network 203.0.113.0/24')
      expect(now).toContain('network 198.51.100.0/24')
      expect(await tables.read()).toEqual(everything)
      await type('no network 198.51.100.0/24')
    })
  }

  test('undoes a BGP password that the neighbor does not have, and never prints it', async () => {
    const { address, name } = manifest.neighbors[0]!
    const before = await state()
    const file = join(dir, `${daemon}.password`)
    await writeFile(file, 'not-the-one\n', { mode: 0o600 })
    const token = `@anyward-secret:${file}@`
    const locked = await bundle((config) =>
      daemon === 'bird'
        ? config.replace(
            new RegExp(`^ *neighbor ${address} as .*;$`, 'm'),
            (line) => `${line}\n  password "${token}";`,
          )
        : config.replace(
            new RegExp(`^ neighbor ${address} remote-as .*$`, 'm'),
            (line) => `${line}\n neighbor ${address} password ${token}`,
          ),
    )
    const { outcome, stderr } = await applyOn(node, locked, { timeout: '5s' })
    expect(outcome).toMatchObject({ applied: false, undone: true, reason: 'worse-than-before' })
    expect(outcome!.detail).toContain(name)
    expect(JSON.stringify(outcome) + stderr).not.toContain('not-the-one')
    await isBack()
    expect(await state()).toEqual(before)
  })

  test('installs on a node whose daemon still runs the configuration of its package', async () => {
    const saved = join(dir, `${daemon}-saved`)
    await cp(node.bundle, saved, { recursive: true })
    await rm(node.bundle, { recursive: true })
    if (daemon === 'bird') {
      await writeFile(configFile, 'router id 10.0.0.1;\nprotocol device { }\n')
      await execa('birdc', ['-s', node.controlSocket, 'configure'])
    } else {
      await writeFile(configFile, 'frr defaults traditional\nlog syslog informational\n')
      expect(await vtysh().configure([`no router bgp ${manifest.asn}`])).toEqual([])
    }
    await until('no session is configured', running, (text) => !/Neighbor AS:|remote-as/.test(text))
    const { exitCode, outcome } = await applyOn(node, saved)
    expect(outcome).toMatchObject({ applied: true, effect: 'session-restart' })
    expect(exitCode).toBe(0)
    expect(await readFile(join(node.bundle, 'manifest.json'), 'utf8')).toContain(node.name)
    await isBack()
  })
}
