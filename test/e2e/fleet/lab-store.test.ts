import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { type FleetStatus, fleetStatusSchema } from '../../../src/control/fleet-status.ts'
import type { NodeStatus } from '../../../src/control/status.ts'
import { patience } from '../../patience.ts'
import { cli, type LabNode, type LabStore, labDown, labUp, until } from '../fixtures/lab/lab.ts'
import { findLeftovers } from '../fixtures/lab/leftovers.ts'

const sites = 'test/e2e/fleet/three-sites'

afterAll(labDown, patience(60_000))

test('every node of the lab joins the store, and `lab down` leaves nothing of it', {
  timeout: patience(180_000),
}, async () => {
  const { store, nodes } = await labUp(sites, '--store')
  expect(store!.endpoints).toHaveLength(3)
  const pids = [...store!.pids, ...nodes.map(({ agentPid }) => agentPid!)]
  for (const pid of pids) expect(await isRunning(pid)).toBe(true)
  for (const { site, name } of nodes) {
    const { stdout } = await until(
      `${name} is well in the store`,
      () => etcdctl(store!, site, 'get', `beat/${site}/${name}`, '--print-value-only'),
      ({ stdout }) => stdout.includes('"well":["vpn"]'),
    )
    expect(JSON.parse(stdout)).toMatchObject({ well: ['vpn'] })
  }
  await expectFleetStatus(nodes)
  await expectPlainText(store!, nodes[0]!)
  await expectRemoval(store!, nodes[0]!)
  await expectSilentStore(store!, nodes[0]!)
  // With the rights of its site, and not with more.
  const foreign = await etcdctl(store!, 'ams1', 'put', 'beat/fra1/fra1-a', 'forged')
  expect(foreign.stderr).toContain('permission denied')
  await labDown()
  for (const pid of pids) expect(await isRunning(pid)).toBe(false)
  expect(await findLeftovers()).toEqual([])
})

test('without etcd, nothing is started, and the message names the package', {
  timeout: patience(60_000),
}, async () => {
  const bin = await mkdtemp(join(tmpdir(), 'anyward-bin-'))
  try {
    const programs = (await readdir('/usr/bin')).filter((name) => !name.startsWith('etcd'))
    for (const name of programs) await symlink(join('/usr/bin', name), join(bin, name))
    const { exitCode, stderr } = await execa(
      process.execPath,
      [cli, 'lab', 'up', '--store', '--sites', sites],
      { reject: false, env: { PATH: bin } },
    )
    expect(exitCode).toBe(2)
    expect(stderr).toContain(
      'programs are missing: etcd (package etcd-server), etcdctl (package etcd-client)',
    )
    expect(stderr).toContain('apt-get install etcd-server etcd-client')
    expect(await findLeftovers()).toEqual([])
  } finally {
    await rm(bin, { recursive: true })
  }
})

function anyward(node: LabNode, ...words: string[]) {
  return execa(process.execPath, [cli, ...words, '--node', node.name], { reject: false })
}

async function readFleet(node: LabNode): Promise<FleetStatus> {
  const { stdout } = await anyward(node, 'status', '--fleet', '--json')
  return fleetStatusSchema.parse(JSON.parse(stdout))
}

/** Each node shows all others, and of itself what its status says. */
async function expectFleetStatus(nodes: readonly LabNode[]): Promise<void> {
  for (const node of nodes) {
    const { nodes: seen } = await until(
      `${node.name} knows all nodes`,
      () => readFleet(node),
      (found) => found.nodes.filter(({ stale, health }) => !stale && health === 'healthy').length === 3,
    )
    expect(seen.map((one) => one.node)).toEqual(nodes.map(({ name }) => name))
    const status = await fetch(node.statusUrl)
    const { services } = (await status.json()) as NodeStatus
    expect(seen.find((one) => one.node === node.name)!.announced).toEqual(services[0]!.announced)
  }
}

const redText = '\u001b[31m'

/** What a site with a stolen key may write does not reach the terminal as it is. */
async function expectPlainText(store: LabStore, node: LabNode): Promise<void> {
  const holder = { site: 'ams1', node: `ams1/${redText}`, nonce: 'n', cause: 'order', reason: redText }
  for (const [key, value] of [
    [`status/ams1/${redText}`, `{"${redText}":1}`],
    ['status/ams1/large', 'a'.repeat(100_000)],
    [`permit/${redText}`, JSON.stringify([holder])],
  ] as const) {
    expect((await etcdctl(store, 'ams1', 'put', key, value)).exitCode).toBe(0)
  }
  await until(
    'these are seen',
    () => readFleet(node),
    ({ nodes, permits }) => nodes.length === 5 && permits.length === 1,
  )
  const { stdout, exitCode } = await anyward(node, 'status', '--fleet')
  expect(stdout).toContain('\\u001b[31m')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  expect(stdout).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/)
  expect(stdout.length).toBeLessThan(3000)
  expect(exitCode).toBe(1)
  await etcdctl(store, 'ams1', 'del', '--prefix', 'permit/\u001b')
  for (const name of [redText, 'large']) await etcdctl(store, 'ams1', 'del', `status/ams1/${name}`)
}

/** An operator removes a permit; the controller logs who, and why. */
async function expectRemoval(store: LabStore, node: LabNode): Promise<void> {
  const gone = { site: 'old1', node: 'old1/old1-a', nonce: 'n', cause: 'permit', reason: 'ping' }
  await etcdctl(store, 'ams1', 'put', 'permit/vpn', JSON.stringify([gone]))
  const remove = () => anyward(node, 'permit', 'remove', 'vpn', 'old1/old1-a', '--reason', 'site closed')
  expect((await remove()).stdout).toBe('old1/old1-a is no longer in the register of vpn')
  const { stdout } = await etcdctl(store, 'root', 'get', 'permit/vpn', '--print-value-only')
  expect(JSON.parse(stdout)).toEqual([])
  expect((await remove()).exitCode).toBe(1)
  const events = await anyward(node, 'events', '--json')
  expect(events.stdout).toContain('"event": "permit-removed"')
  expect(events.stdout).toContain('site closed')
}

/** A store that hangs is reported, with what was known last. */
async function expectSilentStore(store: LabStore, node: LabNode): Promise<void> {
  for (const pid of store.pids) process.kill(pid, 'SIGSTOP')
  try {
    await until(
      'the store does not answer',
      () => readFleet(node),
      ({ store }) => store.ok === false,
    )
    const { stdout, exitCode } = await anyward(node, 'status', '--fleet')
    expect(stdout).toMatch(/^! THE STORE DOES NOT ANSWER since \S+ \S+ UTC, for /m)
    expect(stdout).toContain('lon1-a')
    expect(exitCode).toBe(1)
  } finally {
    for (const pid of store.pids) process.kill(pid, 'SIGCONT')
  }
  await until(
    'it answers, and all nodes are current',
    () => readFleet(node),
    ({ store, nodes }) => store.ok === true && nodes.every(({ stale }) => !stale),
  )
}

function etcdctl(store: LabStore, site: string, ...argv: string[]) {
  const folder = join(store.credentials, site === 'root' ? site : join('sites', site))
  return execa('etcdctl', argv, {
    reject: false,
    stdin: 'ignore',
    env: {
      ETCDCTL_API: '3',
      ETCDCTL_ENDPOINTS: store.endpoints.join(),
      ETCDCTL_CACERT: join(folder, 'ca.crt'),
      ETCDCTL_CERT: join(folder, 'client.crt'),
      ETCDCTL_KEY: join(folder, 'client.key'),
    },
  })
}

async function isRunning(pid: number): Promise<boolean> {
  return (await readdir(`/proc/${pid}`).catch(() => [])).length > 0
}
