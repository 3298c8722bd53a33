import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { execa } from 'execa'
import { fixture } from './agent.ts'
import type { WireguardServer } from './server.ts'

export const dnsPort = 53
export const tcpPort = 8443
export const beyond = { ipv4: '198.51.100.53', ipv6: '2001:db8:53::53' } as const

/** A namespace behind a WireGuard server that forwards the packets of its clients there, with NAT. */
export class Internet {
  readonly namespace: string
  readonly #server: WireguardServer
  readonly #uplink: string
  #responder: ChildProcess | null = null

  constructor(server: WireguardServer) {
    this.#server = server
    this.namespace = `${server.namespace}-i`
    this.#uplink = `${server.interface}u`
  }

  async start(): Promise<void> {
    const far = `${this.#uplink}i`
    await execa('ip', ['netns', 'add', this.namespace])
    await this.#ip('link', 'set', 'lo', 'up')
    await this.#server.ip(
      'link',
      'add',
      this.#uplink,
      'type',
      'veth',
      'peer',
      'name',
      far,
      'netns',
      this.namespace,
    )
    await this.#server.ip('address', 'add', '203.0.113.1/24', 'dev', this.#uplink)
    await this.#server.ip('address', 'add', '2001:db8:113::1/64', 'dev', this.#uplink, 'nodad')
    await this.#ip('address', 'add', '203.0.113.2/24', 'dev', far)
    await this.#ip('address', 'add', '2001:db8:113::2/64', 'dev', far, 'nodad')
    await this.#ip('address', 'add', `${beyond.ipv4}/32`, 'dev', 'lo')
    await this.#ip('address', 'add', `${beyond.ipv6}/128`, 'dev', 'lo', 'nodad')
    await this.#ip('link', 'set', far, 'up')
    await this.#server.ip('link', 'set', this.#uplink, 'up')
    await this.connect()
    await this.#server.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    await this.#server.run('nft', 'add table inet e2e')
    await this.#server.run('nft', 'add chain inet e2e nat { type nat hook postrouting priority 100; }')
    await this.#server.run('nft', `add rule inet e2e nat oifname ${this.#uplink} masquerade`)
    await this.#server.run('nft', 'add chain inet e2e forward { type filter hook forward priority 0; }')
    await this.respond()
  }

  async stop(): Promise<void> {
    await this.silence()
    await execa('ip', ['netns', 'delete', this.namespace])
  }

  /** The server's default routes. */
  async connect(): Promise<void> {
    await this.#server.ip('route', 'replace', 'default', 'via', '203.0.113.2')
    await this.#server.ip('-6', 'route', 'replace', 'default', 'via', '2001:db8:113::2')
  }

  async disconnect(): Promise<void> {
    await this.#server.ip('route', 'delete', 'default')
    await this.#server.ip('-6', 'route', 'delete', 'default')
  }

  /** The verdict of a firewall on all forwarded packets: `drop`, `reject …`; `null`: no firewall. */
  async forbid(statement: string | null): Promise<void> {
    await this.#server.run('nft', 'flush chain inet e2e forward')
    if (statement !== null)
      await this.#server.run('nft', `add rule inet e2e forward oifname ${this.#uplink} ${statement}`)
  }

  /** Starts the DNS responder, which answers with `code`, and the TCP listener. */
  async respond(code = 0): Promise<void> {
    await this.silence()
    this.#responder = spawn(
      'ip',
      ['netns', 'exec', this.namespace, process.execPath, fixture('internet.mjs')].concat(
        [beyond.ipv4, beyond.ipv6, dnsPort, tcpPort, code].map(String),
      ),
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(this.#responder.stdout!, 'data')
  }

  /** Ends them. */
  async silence(): Promise<void> {
    const responder = this.#responder
    this.#responder = null
    if (responder === null) return
    const ended = once(responder, 'exit')
    responder.kill('SIGKILL')
    await ended
  }

  async #ip(...words: string[]): Promise<void> {
    await execa('ip', ['-n', this.namespace, ...words])
  }
}
