import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { startWireguard } from '../../../src/lab/bring-up.ts'
import { startBgpd, startDaemons } from '../../../src/lab/machine/daemons.ts'
import { type LabState, readState } from '../../../src/lab/state.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'
import {
  cli,
  inside,
  type Lab,
  type LabNode,
  NeighborTables,
  until,
  untilComplete,
} from '../fixtures/lab/lab.ts'

export interface StartOptions {
  /** Changes to the lab's manifest for this controller. */
  readonly change?: (manifest: Manifest) => void
  readonly env?: Readonly<Record<string, string>>
}

/** A node of the lab, its controller, and the routes of its neighbors. */
export class NodeUnderTest {
  readonly node: LabNode
  readonly manifest: Manifest
  /** The neighbors' routes while every service is healthy: see `learn`. */
  everything: string[] = []
  controllerPid: number
  /** Resolves when the controller last started by `start` has ended. */
  ended: Promise<{ exitCode: number | undefined; all: string }> | null = null
  readonly #tables: NeighborTables
  readonly #neighbors: readonly { protocol: string; client: BirdClient }[]
  readonly #folders: string[] = []
  #state: LabState | null = null
  /** Whether the present controller runs with other settings than the lab's. */
  #isChanged = false

  constructor(lab: Lab, node: LabNode) {
    this.node = node
    this.controllerPid = node.controllerPid
    this.manifest = JSON.parse(readFileSync(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
    this.#tables = new NeighborTables(lab, node)
    this.#neighbors = lab.neighbors.flatMap(({ controlSocket, sessions }) =>
      sessions
        .filter((session) => session.node === node.name)
        .map(({ protocol }) => ({
          protocol,
          client: new BirdClient({ socketPath: controlSocket, deadlineMs: patience(10_000) }),
        })),
    )
  }

  async close(): Promise<void> {
    this.#tables.close()
    for (const { client } of this.#neighbors) client.close()
    for (const folder of this.#folders) await rm(folder, { recursive: true })
  }

  /** To be called while every service is healthy. */
  async learn(): Promise<void> {
    this.everything = await untilComplete(this.node, this.#tables)
  }

  /** `neighbor prefix`, sorted, from the neighbors' tables. */
  rows(): Promise<string[]> {
    return this.#tables.read()
  }

  /** The grade of each route at the neighbors: GRACEFUL_SHUTDOWN or the longer path means degraded. */
  async grade(): Promise<'normal' | 'degraded' | 'none' | 'mixed'> {
    const grades = new Set<'normal' | 'degraded'>()
    for (const { protocol, client } of this.#neighbors) {
      const { lines } = await client.send(`show route protocol ${protocol} all`)
      const text = lines.map((line) => line.text).join('\n')
      const paths = text.match(/^\S*\s*.*\b(?:BGP\.as_path|bgp_path):.*$/gm)?.length ?? 0
      const shutdowns = text.match(/\(65535, ?0\)/g)?.length ?? 0
      if (shutdowns < paths) grades.add('normal')
      if (shutdowns > 0) grades.add('degraded')
    }
    const [grade] = grades
    return grade === undefined ? 'none' : grades.size === 1 ? grade : 'mixed'
  }

  async untilGrade(grade: 'normal' | 'degraded' | 'none'): Promise<void> {
    const look = () => this.grade()
    await until(`${this.node.daemon}: the neighbors have ${grade}`, look, (found) => found === grade)
  }

  async status(): Promise<NodeStatus> {
    return (await (await fetch(this.node.statusUrl)).json()) as NodeStatus
  }

  async metrics(): Promise<string> {
    return (await fetch(this.node.statusUrl.replace(/status$/, 'metrics'))).text()
  }

  /** The events of the present controller and of those before it. */
  async events(): Promise<{ event: string; [fact: string]: unknown }[]> {
    const text = await readFile(join(this.manifest.paths.stateDir, 'events.jsonl'), 'utf8')
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  }

  /** Waits for an event with these fields, after the first `after` events. */
  async untilEvent(facts: Record<string, unknown>, after = 0): Promise<void> {
    await until(
      `${this.node.daemon}: an event ${JSON.stringify(facts)}`,
      async () => (await this.events()).slice(after),
      (events) => events.some((event) => Object.entries(facts).every(([name, fact]) => event[name] === fact)),
    )
  }

  run(program: string, args: readonly string[]) {
    return inside(this.node, program, args)
  }

  until(what: string, isSo: (status: NodeStatus) => boolean, timeoutMs?: number): Promise<NodeStatus> {
    return until(`${this.node.daemon}: ${what}`, () => this.status(), isSo, timeoutMs)
  }

  untilRows(what: string, isSo: (rows: string[]) => boolean, timeoutMs?: number) {
    return until(`${this.node.daemon}: ${what}`, () => this.rows(), isSo, timeoutMs)
  }

  /** Waits until no neighbor has a route, and status agrees. */
  async gone(timeoutMs?: number): Promise<void> {
    await this.untilRows('no neighbor has our routes', (rows) => rows.length === 0, timeoutMs)
    await this.agrees()
  }

  /** Waits until the neighbors have every route, and status agrees. */
  async back(): Promise<void> {
    await this.untilRows('all have our routes', (rows) => rows.join() === this.everything.join())
    await this.agrees()
  }

  /** Expects status and metrics to report exactly the routes of the neighbors, as decided. */
  async agrees(): Promise<void> {
    await until(
      `${this.node.daemon}: status and metrics say what the neighbors have`,
      async () => {
        const [{ services, daemon }, metrics, rows] = await Promise.all([
          this.status(),
          this.metrics(),
          this.rows(),
        ])
        const said = services.flatMap(({ announced }) =>
          announced.map(({ neighbor, prefix }) => `${neighbor} ${prefix}`),
        )
        const measured = [...metrics.matchAll(/^anyward_announced\{.*neighbor="(.*)",prefix="(.*)"\} 1$/gm)]
        return {
          rows,
          said: distinct(said),
          measured: distinct(measured.map(([, neighbor, prefix]) => `${neighbor} ${prefix}`)),
          verified: daemon.verified && metrics.includes('anyward_verified 1'),
        }
      },
      ({ rows, said, measured, verified }) =>
        verified && said.join() === rows.join() && measured.join() === rows.join(),
    )
  }

  /** Polls the neighbors' tables meanwhile, and expects every route in each poll. */
  async expectKept(during: () => Promise<unknown>): Promise<void> {
    let done = false
    const misses = new Set<string>()
    const logged = (await this.log()).length
    const looking = (async () => {
      while (!done) {
        const rows = await this.rows().catch(() => this.everything)
        if (rows.join() !== this.everything.join()) misses.add(rows.join())
      }
    })()
    await during().finally(() => {
      done = true
    })
    await looking
    const log = misses.size > 0 ? `${(await this.log()).slice(logged)}\n${await this.#guardLog()}` : ''
    expect([...misses], `${this.node.daemon}:\n${log}`).toEqual([])
  }

  get #logFile(): string {
    return join(this.node.bundle, '../controller.log')
  }

  /** What the controllers of this node have logged. */
  log(): Promise<string> {
    return readFile(this.#logFile, 'utf8')
  }

  #guardLog(): Promise<string> {
    return readFile(join(this.manifest.paths.runtimeDir, 'guard.log'), 'utf8').catch(() => '')
  }

  removeAddress(address = '192.0.2.1/32') {
    return this.run('ip', ['addr', 'del', address, 'dev', 'lo'])
  }

  addAddress(address = '192.0.2.1/32') {
    return this.run('ip', ['addr', 'replace', address, 'dev', 'lo'])
  }

  setLink(state: 'up' | 'down') {
    return this.run('ip', ['link', 'set', this.node.wireguardInterface, state])
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.controllerPid, signal)
  }

  signalDaemons(signal: NodeJS.Signals): void {
    for (const pid of this.node.daemonPids) process.kill(pid, signal)
  }

  /** Repairs what a test has broken, or left broken when it failed. */
  async repair(): Promise<void> {
    if (!isAlive(this.controllerPid)) await this.start()
    else if (this.#isChanged) await this.restart()
    await this.reviveWireguard()
    for (const { name, anycast, wireguard } of this.manifest.services) {
      for (const address of anycast) {
        await this.addAddress(`${address}/${address.includes(':') ? 128 : 32}`)
      }
      await this.run('ip', ['link', 'set', wireguard.interface, 'up'])
      await this.setProbePeer(name, true)
    }
    const { operator } = await this.until('the controller answers', () => true)
    if (operator.intent !== 'serve') await this.run(process.execPath, [cli, 'undrain'])
    await this.back()
  }

  /** Starts a controller; the present announcements stay. */
  async start({ change, env }: StartOptions = {}): Promise<void> {
    let { bundle } = this.node
    this.#isChanged = change !== undefined || env !== undefined
    if (change !== undefined) {
      bundle = await mkdtemp(join(tmpdir(), 'anyward-failures-'))
      this.#folders.push(bundle)
      await cp(this.node.bundle, bundle, { recursive: true })
      const changed = structuredClone(this.manifest)
      change(changed)
      await writeFile(join(bundle, 'manifest.json'), JSON.stringify(changed))
    }
    const args = [
      'netns',
      'exec',
      this.node.namespace,
      process.execPath,
      cli,
      'controller',
      '--bundle',
      bundle,
    ]
    const log = { file: this.#logFile, append: true }
    const child = execa('ip', args, {
      // In a session of its own, as the lab starts it: the kernel gives each session its share of the processor, and
      // in that of this test its polls would delay the probes.
      detached: true,
      reject: false,
      all: true,
      stderr: ['pipe', log],
      ...(env && { env }),
    })
    this.ended = child.then(({ exitCode, all }) => ({ exitCode, all }))
    this.controllerPid = child.pid!
  }

  /** Ends the controller without a withdrawal, and starts another. */
  async restart(options?: StartOptions): Promise<void> {
    await this.stop('SIGHUP')
    await this.start(options)
    await this.until('decided', ({ services }) => services.every(({ reason }) => reason !== 'starting'))
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const pid = this.controllerPid
    process.kill(pid, signal)
    await until(
      'the controller has ended',
      async () => isAlive(pid),
      (alive) => !alive,
    )
  }

  /** Ends the services' WireGuard, and their interfaces with it. */
  async removeWireguard(): Promise<void> {
    const { state, node } = await this.#labState()
    for (const wireguard of node.wireguard) {
      if (state.kernelWireguard) await this.run('ip', ['link', 'del', wireguard.interface])
      else process.kill(wireguard.process!.pid, 'SIGTERM')
      await until(
        'the interface is gone',
        async () => (await this.run('ip', ['-br', 'link'])).stdout,
        (links) => !links.includes(wireguard.interface),
      )
    }
  }

  /** Starts it again, as the lab did. */
  async startWireguard(): Promise<void> {
    const { state, node } = await this.#labState()
    for (const wireguard of node.wireguard) await startWireguard(state, node, wireguard)
  }

  /** Starts the processes of WireGuard again that have ended. */
  async reviveWireguard(): Promise<void> {
    const { state, node } = await this.#labState()
    for (const wireguard of node.wireguard) {
      const pid = wireguard.process?.pid
      if (pid !== undefined && !isAlive(pid)) await startWireguard(state, node, wireguard)
    }
  }

  /** Empty where WireGuard runs in the kernel. */
  async wireguardPids(): Promise<number[]> {
    const { node } = await this.#labState()
    return node.wireguard.flatMap(({ process }) => (process === null ? [] : [process.pid]))
  }

  async #labState() {
    this.#state ??= (await readState())!
    return { state: this.#state, node: this.#state.nodes.find(({ name }) => name === this.node.name)! }
  }

  /** Removes the probe's peer from the server, so that a living endpoint appears dead, or adds it again. */
  async setProbePeer(service: string, present: boolean): Promise<void> {
    const { node } = await this.#labState()
    const { interface: name, probePublicKey, config } = node.wireguard.find((one) => one.service === service)!
    if (present) await this.run('wg', ['syncconf', name, config])
    else await this.run('wg', ['set', name, 'peer', probePublicKey, 'remove'])
  }

  /** Kills BIRD or bgpd. The returned function starts it again from its files only. */
  async killDaemon(): Promise<() => Promise<void>> {
    const { node } = await this.#labState()
    const at = this.node.daemon === 'bird' ? 0 : node.daemons.findIndex(({ name }) => name === 'bgpd')
    const pid = this.node.daemonPids[at]!
    process.kill(pid, 'SIGKILL')
    await until(
      'the daemon has ended',
      async () => isAlive(pid),
      (alive) => !alive,
    )
    return async () => {
      const [started] = this.node.daemon === 'bird' ? await startDaemons(node) : [await startBgpd(node)]
      this.node.daemonPids[at] = started!.pid
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie has ended; its parent has not read its exit status yet.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function distinct(rows: readonly string[]): string[] {
  return [...new Set(rows)].sort()
}
