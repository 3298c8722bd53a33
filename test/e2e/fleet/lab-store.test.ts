import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { cli, labDown, labUp, until } from '../fixtures/lab/lab.ts'
import { findLeftovers } from '../fixtures/lab/leftovers.ts'

const sites = 'test/e2e/fleet/three-sites'

afterAll(labDown, patience(60_000))

test('every node of the lab joins the store, and `lab down` leaves nothing of it', {
  timeout: patience(180_000),
}, async () => {
  const { store, nodes } = await labUp(sites, '--store')
  expect(store!.endpoints).toHaveLength(3)
  for (const pid of store!.pids) expect(await isRunning(pid)).toBe(true)
  for (const { site, name } of nodes) {
    const { stdout } = await until(
      `${name} is well in the store`,
      () => etcdctl(store!, site, 'get', `beat/${site}/${name}`, '--print-value-only'),
      ({ stdout }) => stdout.includes('"well":["vpn"]'),
    )
    expect(JSON.parse(stdout)).toMatchObject({ well: ['vpn'] })
  }
  // With the rights of its site, and not with more.
  const foreign = await etcdctl(store!, 'ams1', 'put', 'beat/fra1/fra1-a', 'forged')
  expect(foreign.stderr).toContain('permission denied')
  await labDown()
  for (const pid of store!.pids) expect(await isRunning(pid)).toBe(false)
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

function etcdctl(store: { endpoints: string[]; credentials: string }, site: string, ...argv: string[]) {
  const folder = join(store.credentials, 'sites', site)
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
