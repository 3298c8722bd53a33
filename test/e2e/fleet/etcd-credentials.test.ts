import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EtcdStore } from '../../../src/fleet/etcd/etcd-store.ts'
import { patience } from '../../patience.ts'
import { EtcdCluster } from '../fixtures/etcd/cluster.ts'

let cluster: EtcdCluster
const foreignKey = 'state/ams1/ams1-a/vpn'
beforeAll(async () => {
  cluster = await EtcdCluster.start(['fra1', 'ams1', 'gone1'])
  await cluster.etcdctl('ams1', ['put', foreignKey, 'well'])
})
afterAll(() => cluster?.stop())

/** What etcdctl says with a site's certificate: `OK`, or the error. */
async function attempt(site: string, command: string): Promise<string> {
  const { exitCode, stderr } = await cluster.etcdctl(site, [...command.split(' '), '--command-timeout=5s'])
  return exitCode === 0 ? 'OK' : stderr
}

test.for([
  'put state/fra1/fra1-a/vpn x',
  'put beat/fra1/fra1-a 1',
  'put status/fra1/fra1-a x',
  'put report/fra1/fra1-a x',
  'put view/fra1/fra1-a x',
  'put installed/fra1/fra1-a/0 x',
  'put permit/vpn []',
  'del permit/vpn',
  'del --prefix state/fra1/',
  'get --prefix state/',
  'get permit/vpn',
])('a site may write what it says of itself, and the registers, and read everything: %s', async (command) => {
  expect(await attempt('fra1', command)).toBe('OK')
})

test.for([
  'put state/ams1/ams1-a/vpn x',
  'put state/fra10/fra10-a/vpn x',
  'put state/fra1 x',
  'put beat/ams1/ams1-a x',
  'put status/ams1/ams1-a x',
  'put report/ams1/ams1-a x',
  'put view/ams1/ams1-a x',
  'put installed/ams1/ams1-a/0 x',
  'put target/fra1/fra1-a x',
  'put archive/x x',
  'put bundle/x/0 x',
  'put rollout/lock x',
  'put permits x',
  'del state/ams1/ams1-a/vpn',
  'del --prefix state/',
  'del --from-key a',
  'put --lease=1 state/ams1/ams1-a/vpn x',
  'user add other --no-password',
  'user grant-role fra1 root',
  'role grant-permission site-fra1 --prefix=true readwrite state/',
  'auth disable',
  'member remove 1',
  'defrag',
])('a site may not write for another, nor change who may: %s', async (command) => {
  expect(await attempt('fra1', command)).toContain('permission denied')
  const { stdout } = await cluster.etcdctl('ams1', ['get', '--print-value-only', foreignKey])
  expect(stdout).toBe('well')
})

test.for([
  'put target/fra1/fra1-a x',
  'put archive/x x',
  'put bundle/x/0 x',
  'put rollout/lock x',
  'del --prefix bundle/',
  'get --prefix view/',
])('the planner may write what a rollout orders, and read everything: %s', async (command) => {
  expect(await attempt('planner', command)).toBe('OK')
})

test.for([
  'put permit/vpn []',
  'put state/fra1/fra1-a/vpn x',
  'put beat/fra1/fra1-a 1',
  'put report/fra1/fra1-a x',
  'put view/fra1/fra1-a x',
  'put installed/fra1/fra1-a/0 x',
  'del --from-key a',
  'user add other --no-password',
])('the planner may not speak for a site, nor change who may: %s', async (command) => {
  expect(await attempt('planner', command)).toContain('permission denied')
})

test('a client of Anyward gets the same answer as a refusal, which is not unknown', async () => {
  const store = await cluster.open('fra1')
  const write = { compares: [], writes: [{ key: foreignKey, value: 'x' }] }
  expect(await store.transact(write, patience(5000))).toEqual({
    outcome: 'refused',
    message: expect.stringContaining('etcdserver: permission denied'),
  })
})

test.for(['compaction 1', 'lease grant 60', 'member list', 'alarm disarm'])(
  'any certificate of the CA may do this, as docs/security.md says: %s',
  async (command) => {
    expect(await attempt('fra1', command)).toBe('OK')
  },
)

test('a site whose user was deleted may neither read nor write', async () => {
  expect(await attempt('gone1', 'put state/gone1/a x')).toBe('OK')
  expect(await attempt('root', 'user delete gone1')).toBe('OK')
  expect(await attempt('gone1', 'put state/gone1/a y')).toMatch(/permission denied|user name not found/)
  expect(await attempt('gone1', 'get state/gone1/a')).toMatch(/permission denied|user name not found/)
})

/** A request from the member's own namespace, because members compare the address of a member with its certificate. */
const request = `
  const { readFileSync } = require('node:fs')
  const end = (answer) => process.exit(console.log(answer))
  const [port, ca, files] = process.argv.slice(1)
  const own = files === undefined ? {} : { cert: readFileSync(files + '.crt'), key: readFileSync(files + '.key') }
  const options = { host: '10.77.0.1', port, path: '/version', ca: readFileSync(ca + '.crt'), ...own }
  require('node:https').get(options, ({ statusCode }) => end(statusCode)).on('error', () => end('refused'))`

test.for([
  { of: 'a site', port: '2379', files: ['sites/fra1/client'], ca: 'ca', answer: '200' },
  {
    of: 'a member, to the members',
    port: '2380',
    files: ['members/core1/peer'],
    ca: 'peer-ca',
    answer: '200',
  },
  {
    of: 'a site, to the members',
    port: '2380',
    files: ['sites/fra1/client'],
    ca: 'peer-ca',
    answer: 'refused',
  },
  { of: 'a member, as a client', port: '2379', files: ['members/core1/server'], ca: 'ca', answer: 'refused' },
  { of: 'nothing', port: '2379', files: [], ca: 'ca', answer: 'refused' },
])('a connection with the certificate of $of: $answer', async ({ port, files, ca, answer }) => {
  const paths = [ca, ...files].map((name) => join(cluster.folderOf('root'), '..', name))
  const node = [process.execPath, '-e', request, port, ...paths]
  const { stdout } = await execa('ip', ['netns', 'exec', cluster.members[0]!.namespace, ...node], {
    timeout: patience(20_000),
  })
  expect(stdout).toBe(answer)
})

test('a client does not speak to a member with the certificate of another CA', async () => {
  const { cert, key } = await cluster.credentials('fra1')
  const ca = await readFile(join(cluster.folderOf('root'), '../peer-ca.crt'), 'utf8')
  const store = new EtcdStore(cluster.endpoints, { ca, cert, key })
  expect(await store.read([{ key: 'x' }], patience(2000))).toEqual({
    outcome: 'unknown',
    message: expect.stringMatching(/certificate|signature/),
  })
  await store.close()
})

test('sites can be added to a running cluster, and what is there stays', async () => {
  const before = await cluster.credentials('fra1')
  await cluster.addSites(['new1'])
  expect(await cluster.credentials('fra1')).toEqual(before)
  expect(await attempt('new1', 'put state/new1/new1-a/vpn x')).toBe('OK')
  expect(await attempt('fra1', 'put state/fra1/fra1-a/vpn x')).toBe('OK')
})
