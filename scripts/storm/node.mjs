import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startBgpd, startDaemons } from '../../dist/lab/machine/daemons.js'
import { isAlive, signalProcess, startDetached, waitForEnd } from '../../dist/lab/machine/processes.js'
import { createInterface } from '../../dist/lab/machine/wireguard.js'
import { readProcess } from '../../dist/linux/proc.js'
import { BirdClient } from '../../dist/node/routing/bird/client.js'

const run = promisify(execFile)
/** The folder that the fleet's command check reads. */
export const flagDir = '/run/anyward-lab/storm'
/** Small, so that it fills quickly; large enough for the events of a long storm. */
const stateDisk = 'size=24m'

/** One node of the lab, and the operations on it. */
export class StormNode {
  constructor(state, routers) {
    this.state = state
    this.name = state.name
    this.dir = state.dir
    this.manifestFile = join(state.bundle, 'manifest.json')
    this.manifest = JSON.parse(readFileSync(this.manifestFile, 'utf8'))
    this.controller = state.controller
    /** BIRD, or bgpd. */
    this.daemon = state.daemons.at(-1)
    this.sessions = routers.flatMap((router) =>
      router.sessions
        .filter((session) => session.node === state.name)
        .map((session) => ({
          neighbor: session.neighbor,
          protocol: session.protocol,
          client: new BirdClient({ socketPath: router.controlSocket, deadlineMs: 10_000 }),
        })),
    )
    this.bird = null
  }

  /** Mounts a disk for the node's state, and starts its controller with an adjustable clock. */
  async prepare(holdDown) {
    await this.signalController('SIGHUP')
    await waitForEnd(this.controller, 20_000)
    for (const service of this.manifest.services) {
      if (holdDown) {
        service.probe.holdDown = { initialMs: 200, maxMs: 1000 }
        service.probe.window = { size: 20, maxLoss: 0.4 }
      }
    }
    await writeFile(this.manifestFile, JSON.stringify(this.manifest, null, 2))
    await mkdir(flagDir, { recursive: true })
    await run('mount', ['-t', 'tmpfs', '-o', stateDisk, 'tmpfs', this.stateDir])
    if (this.state.daemon === 'bird') await copyFile(this.manifest.paths.configFile, this.goodConfig)
    await this.startController()
  }

  get stateDir() {
    return this.manifest.paths.stateDir
  }

  get goodConfig() {
    return `${this.manifest.paths.configFile}.good`
  }

  wireguard(service) {
    return this.state.wireguard.find((one) => one.service === service)
  }

  inside(...argv) {
    return run('ip', ['netns', 'exec', this.state.namespace, ...argv], { timeout: 20_000 })
  }

  ip(...argv) {
    return run('ip', ['-n', this.state.namespace, ...argv], { timeout: 20_000 })
  }

  async nft(text) {
    const child = run('ip', ['netns', 'exec', this.state.namespace, 'nft', '-f', '-'], { timeout: 20_000 })
    child.child.stdin.end(text)
    await child
  }

  /** One end of the link in the fabric. */
  async setWire(fabric, neighbor, way) {
    const at = this.manifest.neighbors.findIndex(({ name }) => name === neighbor)
    await run('ip', ['-n', fabric, 'link', 'set', this.state.ports[at], way])
  }

  async signalController(signal) {
    return signalProcess(this.controller, signal)
  }

  async startController() {
    const { argv, namespace, name } = this.state.controller
    this.controller = await startDetached({
      name,
      namespace,
      argv,
      log: join(this.dir, 'storm.log'),
      env: { NODE_OPTIONS: `--import=${new URL('clock.mjs', import.meta.url).href}` },
    })
  }

  async endController(signal, timeoutMs = 20_000) {
    await this.signalController(signal)
    if (await waitForEnd(this.controller, timeoutMs)) return
    await signalProcess(this.controller, 'SIGKILL')
    throw new Error(`${this.name}: the controller did not end within ${timeoutMs} ms of ${signal}`)
  }

  isControllerAlive() {
    return isAlive(this.controller)
  }

  async recreateInterface(service) {
    const wireguard = this.wireguard(service)
    wireguard.process = await createInterface({
      namespace: this.state.namespace,
      interface: wireguard.interface,
      config: wireguard.config,
      addresses: wireguard.addresses,
      log: join(this.dir, `${wireguard.interface}.log`),
      inKernel: false,
    })
  }

  async removeInterface(service, byKilling) {
    const { process, interface: name } = this.wireguard(service)
    if (!byKilling) await this.ip('link', 'del', name).catch(() => {})
    await signalProcess(process, 'SIGKILL')
    await waitForEnd(process, 10_000)
  }

  async signalWireguard(service, signal) {
    await signalProcess(this.wireguard(service).process, signal)
  }

  async startDaemon() {
    if (this.state.daemon === 'bird') [this.daemon] = await startDaemons(this.state)
    else this.daemon = await startBgpd(this.state).catch((error) => this.#configureBgpd(error))
  }

  /** On a busy machine bgpd may not accept connections yet, and its backlog is full. */
  async #configureBgpd(error) {
    if (!error.message.includes('failed to connect to any daemons')) throw error
    const vty = dirname(this.state.controlSocket)
    const pid = Number(await readFile(join(vty, 'bgpd.pid'), 'utf8'))
    const facts = await readProcess(pid)
    if (facts === null) throw error
    const argv = ['vtysh', '--vty_socket', vty, '--config_dir', join(this.dir, 'frr'), '-d', 'bgpd', '-b']
    for (let left = 20; ; left -= 1) {
      await delay(250)
      try {
        await this.inside(...argv)
        return { pid, startTicks: facts.startTicks }
      } catch (again) {
        if (left === 0) throw again
      }
    }
  }

  async killDaemon() {
    await signalProcess(this.daemon, 'SIGKILL')
    await waitForEnd(this.daemon, 10_000)
  }

  async birdc(command) {
    const client = new BirdClient({ socketPath: this.state.controlSocket, deadlineMs: 10_000 })
    try {
      return await client.send(command)
    } finally {
      client.close()
    }
  }

  async vtysh(...lines) {
    const vty = dirname(this.state.controlSocket)
    const argv = ['vtysh', '--vty_socket', vty, '--config_dir', join(this.dir, 'frr'), '-d', 'bgpd']
    await this.inside(...argv, ...lines.flatMap((line) => ['-c', line]))
  }

  async fillDisk() {
    const chunk = Buffer.alloc(64 * 1024)
    for (let size = chunk.length; size >= 1; size = Math.floor(size / 4)) {
      for (;;) {
        try {
          await writeFile(join(this.stateDir, 'ballast'), chunk.subarray(0, size), { flag: 'a' })
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error
          break
        }
      }
    }
  }

  async freeDisk() {
    await rm(join(this.stateDir, 'ballast'), { force: true })
  }

  async setClock(offsetMs) {
    await writeFile(join(this.dir, 'clock-offset'), String(offsetMs))
  }

  /** `taken`, `refused` or, within that time, `unknown`. */
  async order(intent) {
    const socketPath = join(this.manifest.paths.runtimeDir, 'controller.sock')
    const body = JSON.stringify({ intent })
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    return Promise.race([
      new Promise((resolve) => {
        const outgoing = request({ socketPath, method: 'POST', path: '/operator', headers }, (response) => {
          response.resume()
          resolve(response.statusCode === 200 ? 'taken' : 'unknown')
        })
        outgoing.on('error', ({ code }) =>
          resolve(code === 'ENOENT' || code === 'ECONNREFUSED' ? 'refused' : 'unknown'),
        )
        outgoing.end(body)
      }),
      delay(500).then(() => 'unknown'),
    ])
  }

  /** Withdraws manually, without a controller that answers. */
  async withdrawByHand() {
    const [node, script] = this.state.controller.argv
    const preload = `--import=${new URL('clock.mjs', import.meta.url).href}`
    await this.inside(node, preload, script, 'withdraw', '--bundle', this.state.bundle, '--json').catch(
      (error) => {
        if (error.code !== 1 && error.code !== 2) throw error
      },
    )
  }

  async look() {
    const [status, rows, controllerAlive] = await Promise.all([
      this.readStatus(),
      this.readRows(),
      this.isControllerAlive(),
    ])
    return { status, rows, controllerAlive }
  }

  async readStatus() {
    try {
      const reply = await fetch(this.state.statusUrl, { signal: AbortSignal.timeout(3000) })
      return await reply.json()
    } catch {
      return null
    }
  }

  /** The routes of the neighbors, in the format of the model. */
  async readRows() {
    const rows = []
    for (const { neighbor, protocol, client } of this.sessions) {
      const reply = await client.send(`show route protocol ${protocol} all`)
      let row = null
      for (const { text } of reply.lines) {
        const prefix = /^([0-9a-f.:]+\/\d+)\s/.exec(text)?.[1]
        if (prefix !== undefined) {
          row = rows.push(`${neighbor} ${prefix}`) - 1
        } else if (row !== null && /bgp.community:.*\(65535,0\)/i.test(text)) {
          rows[row] += ' degraded'
          row = null
        }
      }
    }
    return rows.sort((a, b) => (a < b ? -1 : 1))
  }

  /** The neighbors' view of their sessions with the node. */
  async readNeighbors() {
    const said = []
    for (const { protocol, client } of this.sessions) {
      const { lines } = await client.send(`show protocols all ${protocol}`)
      said.push(...lines.map(({ text }) => text))
    }
    return said
  }

  close() {
    for (const { client } of this.sessions) client.close()
  }
}
