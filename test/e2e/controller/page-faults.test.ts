import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { NodeUnderTest } from '../failures/node-under-test.ts'
import { openPage, startBrowser } from '../fixtures/browser/browser.ts'
import { cli, labDown, labUp } from '../fixtures/lab/lab.ts'

let node: NodeUnderTest
let browser: { browser: Browser; close: () => Promise<void> }
let page: Page
let dir: string
/** Ends the fault; `repair` of the node does the rest. */
let end: () => Promise<unknown> = async () => {}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-faults-'))
  const lab = await labUp('test/e2e/failures/fleet')
  node = new NodeUnderTest(lab, lab.nodes.find(({ daemon }) => daemon === 'bird')!)
  await node.learn()
  browser = await startBrowser(node.node.namespace)
  ;({ page } = await openPage(browser.browser, node.node.statusUrl.replace(/status$/, '')))
}, 240_000)
afterEach(async () => {
  await end()
  end = async () => {}
  await node.repair()
})
afterAll(async () => {
  await browser?.close()
  await node?.close()
  await labDown()
  await rm(dir, { recursive: true })
}, 60_000)

const wg = (...args: string[]) => node.run('wg', ['set', node.node.wireguardInterface, ...args])
const birdc = (...args: string[]) => node.run('birdc', ['-s', node.node.controlSocket, ...args])
const signalWireguard = async (signal: NodeJS.Signals) => {
  for (const pid of await node.wireguardPids()) process.kill(pid, signal)
}
const anyServices = () => node.manifest.services.map(({ name }) => name)

interface Fault {
  readonly name: string
  /** Resolves with how it ends, if the repair of the node does not end it. */
  readonly inject: () => Promise<(() => Promise<unknown>) | undefined>
  /** What the headline says: whether it serves, and the cause. */
  readonly says: RegExp
  /** The next step. */
  readonly todo: RegExp
}

const nothing = async (work: Promise<unknown>) => {
  await work
  return undefined
}
const faults: readonly Fault[] = [
  {
    name: 'the interface is set down',
    inject: () => nothing(node.setLink('down')),
    says: /does not serve vpn: withdrawn \(interface-down\)/,
    todo: /ip link set wg\w* up/,
  },
  {
    name: 'the anycast address is removed',
    inject: () => nothing(node.removeAddress()),
    says: /does not serve vpn: withdrawn \(address-missing\)/,
    todo: /ip addr add/,
  },
  {
    name: 'WireGuard is stopped',
    inject: async () => {
      await signalWireguard('SIGSTOP')
      return () => signalWireguard('SIGCONT')
    },
    says: /does not serve vpn: withdrawn \((?:hung|no-reply)\)/,
    todo: /restart it/,
  },
  {
    name: 'WireGuard is gone',
    inject: async () => {
      await node.removeWireguard()
      return () => node.startWireguard()
    },
    says: /does not serve vpn: withdrawn \(interface-missing\)/,
    todo: /wg-quick up wg/,
  },
  {
    name: 'the key of the server is another one',
    inject: async () => {
      const file = join(dir, 'other.key')
      await execa('sh', ['-c', `umask 077; wg genkey > ${file}`])
      await wg('private-key', file)
      // Its configuration, with the key.
      return async () => Promise.all(anyServices().map((name) => node.setProbePeer(name, true)))
    },
    says: /does not serve vpn: withdrawn \(wrong-key\)/,
    todo: /set the key of the fleet/,
  },
  {
    name: 'the server listens on another port',
    inject: async () => {
      await wg('listen-port', '51999')
      return () => wg('listen-port', String(node.manifest.services[0]!.wireguard.port))
    },
    says: /does not serve vpn: withdrawn \((?:wrong-port|refused)\)/,
    todo: /wg set wg\w* listen-port 51820/,
  },
  {
    name: 'the routing daemon is dead',
    inject: () => node.killDaemon(),
    says: /does not serve vpn: to be announced, but no neighbor has it|bird/,
    todo: /systemctl start bird/,
  },
  {
    name: 'a session is down',
    inject: async () => {
      const { protocol, name } = node.manifest.neighbors.at(-1)!
      await birdc('disable', protocol!)
      expect(name).toBe('oslo-tor')
      return () => birdc('enable', protocol!)
    },
    says: /serves vpn; 1 other problem on the node|announces vpn: .*1 other problem/,
    todo: /the BGP session to oslo-tor is down\W+What to do: the link/,
  },
  {
    name: 'the node is drained',
    inject: () => nothing(node.run(process.execPath, [cli, 'drain', '--no-wait', '--reason', 'new disk'])),
    says: /vpn: (?:withdrawn \(drained\)|announced degraded \(draining\))/,
    todo: /anyward undrain/,
  },
  {
    name: 'the controller is stopped',
    inject: async () => {
      node.signal('SIGSTOP')
      return async () => node.signal('SIGCONT')
    },
    says: /Not known now/,
    todo: /Connection to the controller lost[\s\S]*has not answered within[\s\S]*systemctl status anyward-controller/,
  },
]

describe('from the page alone, without knowing the fault, an engineer reads the cause and the next step', () => {
  test.each(faults)('$name', async ({ inject, says, todo }) => {
    const headline = page.getByRole('status')
    await headline.filter({ hasText: /\bserves vpn\.$/ }).waitFor({ timeout: patience(60_000) })
    end = (await inject()) ?? end
    await headline.filter({ hasText: says }).waitFor({ timeout: patience(30_000) })
    const top = page.locator('[role=alert], .headline')
    await top
      .filter({ hasText: todo })
      .first()
      .waitFor({ timeout: patience(10_000) })
    process.stdout.write(`${(await top.allInnerTexts()).join('\n').replace(/\n+/g, '\n')}\n\n`)
  })
})
