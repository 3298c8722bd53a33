import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { vi } from 'vitest'
import { kernelHasWireguard } from '../../../src/lab/machine/namespaces.ts'
import type { ManifestService } from '../../../src/manifest/manifest.ts'
import { keyPairOf } from '../../../src/node/wireguard/key.ts'
import { patience } from '../../patience.ts'
import { readService } from '../../read-service.ts'
import { freeze } from '../freeze.ts'

export interface Keys {
  readonly privateKey: string
  readonly publicKey: string
}

export function newKeys(): Keys {
  const secret = randomBytes(32)
  return { privateKey: secret.toString('base64'), publicKey: keyPairOf(secret).publicKey.toString('base64') }
}

export const port = 51820
export const endpoint4 = { address: '192.0.2.1', port }
export const endpoint6 = { address: '2001:db8:51::1', port }
export const echo4 = { source: '10.80.255.254', target: '10.80.0.1' }
export const echo6 = { source: 'fd00:80::ffff', target: 'fd00:80::1' }

/** The kernel's, if it has one: as in a node of the lab. */
export const inKernel = await kernelHasWireguard()

/** A real WireGuard in a namespace of its own, with both anycast addresses on its loopback. */
export class WireguardServer {
  readonly namespace: string
  /** Unique on the host: wireguard-go's control sockets share one folder. */
  readonly interface: string
  readonly keys: Keys
  readonly probeKeys: Keys
  readonly presharedKey: string
  #process: ChildProcess | null = null

  /** `twin`: the same server at another site. */
  constructor(tag = 'w1', twin: WireguardServer | null = null) {
    this.namespace = `${tag}-${process.pid}`
    this.interface = `${tag}${process.pid}`
    this.keys = twin?.keys ?? newKeys()
    this.probeKeys = twin?.probeKeys ?? newKeys()
    this.presharedKey = twin?.presharedKey ?? randomBytes(32).toString('base64')
  }

  async start(): Promise<void> {
    await execa('ip', ['netns', 'add', this.namespace])
    await this.ip('link', 'set', 'lo', 'up')
    await this.addAnycast()
    if (inKernel) await this.ip('link', 'add', this.interface, 'type', 'wireguard')
    else await this.#startProcess()
    await this.configure()
    await this.ip('address', 'add', '10.80.0.1/16', 'dev', this.interface)
    await this.ip('address', 'add', 'fd00:80::1/64', 'dev', this.interface, 'nodad')
    await this.ip('link', 'set', this.interface, 'up')
  }

  async #startProcess(): Promise<void> {
    this.#process = spawn(
      'ip',
      ['netns', 'exec', this.namespace, 'wireguard-go', '--foreground', this.interface],
      { stdio: 'ignore' },
    )
    await vi.waitFor(() => this.wg('show', this.interface, 'public-key'), { timeout: patience(20_000) })
  }

  async stop(): Promise<void> {
    if (inKernel) await this.ip('link', 'delete', this.interface)
    else await this.#endProcess()
    await execa('ip', ['netns', 'delete', this.namespace])
  }

  async #endProcess(): Promise<void> {
    this.#process?.kill('SIGCONT')
    this.#process?.kill('SIGTERM')
    const socket = `/var/run/wireguard/${this.interface}.sock`
    await vi.waitFor(
      () => {
        if (existsSync(socket)) throw new Error(`${socket} is still there`)
      },
      { timeout: patience(10_000) },
    )
  }

  /** Restores the complete configuration. */
  async configure(): Promise<void> {
    await this.setconf([
      '[Interface]',
      `PrivateKey = ${this.keys.privateKey}`,
      `ListenPort = ${port}`,
      '[Peer]',
      `PublicKey = ${this.probeKeys.publicKey}`,
      `PresharedKey = ${this.presharedKey}`,
      `AllowedIPs = ${echo4.source}/32, ${echo6.source}/128`,
    ])
  }

  async setconf(lines: readonly string[]): Promise<void> {
    await this.#withSecret(`${lines.join('\n')}\n`, (file) => this.wg('setconf', this.interface, file))
  }

  async setPrivateKey(privateKey: string): Promise<void> {
    await this.#withSecret(`${privateKey}\n`, (file) => this.wg('set', this.interface, 'private-key', file))
  }

  async removePeer(): Promise<void> {
    await this.wg('set', this.interface, 'peer', this.probeKeys.publicKey, 'remove')
  }

  async show(field: string): Promise<string> {
    return this.wg('show', this.interface, field)
  }

  /** In the namespace, where an interface of the kernel is. Returns what it prints. */
  async wg(...words: string[]): Promise<string> {
    return (await execa('ip', ['netns', 'exec', this.namespace, 'wg', ...words])).stdout
  }

  async addAnycast(): Promise<void> {
    await this.ip('address', 'add', `${endpoint4.address}/32`, 'dev', 'lo')
    await this.ip('address', 'add', `${endpoint6.address}/128`, 'dev', 'lo', 'nodad')
  }

  async removeAnycast(): Promise<void> {
    await this.ip('address', 'delete', `${endpoint4.address}/32`, 'dev', 'lo')
    await this.ip('address', 'delete', `${endpoint6.address}/128`, 'dev', 'lo')
  }

  /** A file, because Node's pipes are sockets, and a socket cannot be opened as /dev/stdin. */
  async #withSecret(text: string, use: (file: string) => Promise<unknown>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'anyward-e2e-wg-'))
    try {
      await writeFile(join(folder, 'secret'), text, { mode: 0o600 })
      await use(join(folder, 'secret'))
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  /** It stops answering. The kernel's has no process to stop: its port is blocked. */
  async freeze(): Promise<void> {
    if (this.#process !== null) return freeze(this.#process.pid!)
    await this.run('nft', 'add table inet frozen')
    await this.run('nft', 'add chain inet frozen input { type filter hook input priority -300; }')
    await this.run('nft', `add rule inet frozen input udp dport ${port} drop`)
  }

  async thaw(): Promise<void> {
    if (this.#process === null) await this.run('nft', 'delete table inet frozen')
    else this.#process.kill('SIGCONT')
  }

  /** Runs a program in its namespace. */
  async run(...argv: string[]): Promise<void> {
    await execa('ip', ['netns', 'exec', this.namespace, ...argv])
  }

  async ip(...words: string[]): Promise<void> {
    await execa('ip', ['-n', this.namespace, ...words])
  }

  service(options: Partial<ManifestService['probe']> = {}): ManifestService {
    return readService({
      name: 'vpn',
      prefixes: [],
      anycast: [endpoint4.address, endpoint6.address],
      wireguard: {
        interface: this.interface,
        port,
        publicKey: this.keys.publicKey,
        addresses: [echo4.target, echo6.target],
      },
      probe: {
        privateKeyFile: '/etc/anyward/probe.key',
        presharedKeyFile: null,
        address: echo4.source,
        intervalMs: 200,
        timeoutMs: 300,
        rise: 5,
        fall: 3,
        checks: ['interface', 'address', 'handshake', 'ping'],
        ...options,
      },
      onStop: 'withdraw',
    })
  }
}
