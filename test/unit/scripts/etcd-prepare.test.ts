import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'etcd-prepare-'))
})
afterEach(() => rm(dir, { recursive: true }))

const prepare = (...argv: string[]) =>
  execa('scripts/etcd/prepare', [join(dir, 'keys'), ...argv], { reject: false })
const members = ['core1=192.0.2.1', 'core2=2001:db8::2', 'core3=192.0.2.3'].flatMap((each) => [
  '--member',
  each,
])

describe('scripts/etcd/prepare', () => {
  test.for([
    { argv: members.slice(0, 4), message: 'an odd number of members is needed: three or five' },
    { argv: ['--member', 'core1'], message: '--member core1: write NAME=ADDRESS, such as core1=192.0.2.1' },
    { argv: ['--member', 'core1=core1.example.net'], message: 'write NAME=ADDRESS' },
    { argv: ['--site', 'root'], message: '--site root: not the name of a site' },
    { argv: ['--site', 'planner'], message: '--site planner: not the name of a site' },
    { argv: ['--site', '../x'], message: '--site ../x: not the name of a site' },
    { argv: ['--site'], message: 'usage: ' },
  ])('refuses $argv, and writes nothing', async ({ argv, message }) => {
    const { exitCode, stderr } = await prepare(...argv)
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)])
    expect(await readdir(dir)).toEqual([])
  })

  test('writes keys that only their owner can read, and does not replace them', async () => {
    expect(await prepare(...members, '--site', 'fra1')).toMatchObject({ exitCode: 0 })
    const files = (await readdir(join(dir, 'keys'), { recursive: true })).filter((name) =>
      name.endsWith('.key'),
    )
    expect(files).toHaveLength(2 + 3 * 2 + 3)
    const read = () => Promise.all(files.map((name) => readFile(join(dir, 'keys', name), 'utf8')))
    for (const name of files) expect((await stat(join(dir, 'keys', name))).mode & 0o077).toBe(0)
    const before = await read()
    expect(await prepare(...members, '--site', 'fra1', '--site', 'ams1')).toMatchObject({ exitCode: 0 })
    expect(await read()).toEqual(before)
    expect(await readdir(join(dir, 'keys/sites'))).toEqual(['ams1', 'fra1'])
  })

  test('writes the settings of a member, also with an IPv6 address', async () => {
    await prepare(...members)
    const settings = parseEnv(await readFile(join(dir, 'keys/members/core2/default'), 'utf8'))
    expect(settings).toMatchObject({
      ETCD_NAME: 'core2',
      ETCD_LISTEN_CLIENT_URLS: 'https://[2001:db8::2]:2379',
      ETCD_CLIENT_CERT_AUTH: 'true',
      ETCD_PEER_CLIENT_CERT_AUTH: 'true',
      ETCD_ENABLE_GRPC_GATEWAY: 'false',
      ETCD_INITIAL_CLUSTER:
        'core1=https://192.0.2.1:2380,core2=https://[2001:db8::2]:2380,core3=https://192.0.2.3:2380',
    })
    expect(settings.ETCD_PEER_TRUSTED_CA_FILE).not.toBe(settings.ETCD_TRUSTED_CA_FILE)
  })
})
