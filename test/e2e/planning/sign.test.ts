import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadBundle } from '../../../src/bundle/read.ts'
import { verifyBundle } from '../../../src/bundle/verify.ts'
import { type KeyPair, makeKey, signFolder, verifyByHand } from '../fixtures/apply/signing.ts'
import { cli } from '../fixtures/lab/lab.ts'

let folder: string
let out: string
let key: KeyPair
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-sign-test-'))
  out = join(folder, 'out')
  key = await makeKey(folder, 'planner')
  await cp('test/e2e/fixtures/fleet', join(folder, 'sites'), { recursive: true })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const fleet = () => join(folder, 'sites/fleet.yaml')
const pin = (...keys: KeyPair[]) =>
  appendFile(fleet(), `planner: { keys: ${JSON.stringify(keys.map(({ line }) => line))} }\n`)
const plan = async () => {
  const args = ['plan', '--sites', join(folder, 'sites'), '--out', out, '--no-check']
  await execa(process.execPath, [cli, ...args, '--state', join(folder, 'state')])
}
const edit = async (name: string, from: string, to: string) => {
  const file = join(folder, 'sites', name)
  const before = await readFile(file, 'utf8')
  expect(before).toContain(from)
  await writeFile(file, before.replace(from, to))
}
const rome = () => join(out, 'rome/rome-a')
const oslo = () => join(out, 'oslo/oslo-a')
/** How a node with these keys, and a bundle of serial 1, judges the bundle. */
const judge = async (dir: string, { line }: KeyPair) => {
  const keys = [line.split(' ')[1]!]
  const verdict = verifyBundle(await loadBundle(dir), { file: 'planner.keys', keys, statement: null })
  return verdict.ok ? 'accepted' : verdict.refusal.reason
}

test('every bundle is signed with one serial, which OpenSSH verifies by hand, and so does a node', async () => {
  await pin(key)
  await plan()
  const { exitCode, nodes } = await signFolder(out, key.file)
  expect(exitCode).toBe(0)
  expect(nodes.map(({ node, change }) => [node, change])).toEqual([
    ['oslo-a', 'signed'],
    ['rome-a', 'signed'],
  ])
  expect(new Set(nodes.map(({ serial }) => serial)).size).toBe(1)
  for (const dir of [oslo(), rome()]) {
    expect(await verifyByHand(dir)).toContain('Good "anyward-bundle" signature for planner with ED25519 key')
    expect(await judge(dir, key)).toBe('accepted')
    // With the digests of the statement, by coreutils alone.
    const { files } = JSON.parse(await readFile(join(dir, 'statement.json'), 'utf8')) as {
      files: Record<string, string>
    }
    const input = Object.entries(files)
      .map(([name, hash]) => `${hash}  ${name}\n`)
      .join('')
    await execa('sha256sum', ['--check', '--strict'], { cwd: dir, input })
  }
  expect((await readdir(out)).sort()).toEqual(['oslo', 'prometheus-targets.json', 'rome', 'serial'])
})

test('a signature of OpenSSH over another statement, or by another key, is not good for a node', async () => {
  await pin(key)
  await plan()
  await signFolder(out, key.file)
  const other = await makeKey(folder, 'other')
  const statement = join(rome(), 'statement.json')
  const sign = async (file: string, namespace = 'anyward-bundle') => {
    await rm(`${statement}.sig`)
    await execa('ssh-keygen', ['-Y', 'sign', '-f', file, '-n', namespace, statement])
  }
  await sign(key.file)
  expect(await judge(rome(), key)).toBe('accepted')
  await sign(other.file)
  expect(await judge(rome(), key)).toBe('unknown-key')
  await sign(key.file, 'git')
  expect(await judge(rome(), key)).toBe('altered')
  await sign(key.file)
  await appendFile(statement, ' ')
  expect(await judge(rome(), key)).toBe('altered')
})

test('a plan keeps the signature of an unchanged bundle, and removes that of a changed one', async () => {
  await pin(key)
  await plan()
  const [{ serial } = { serial: 0 }] = (await signFolder(out, key.file)).nodes
  const before = await stat(join(oslo(), 'statement.json.sig'), { bigint: true })
  await edit('rome.yaml', 'routerId: 10.0.0.2', 'routerId: 10.0.0.3')
  await plan()
  expect(await readdir(rome())).not.toContain('statement.json')
  expect(await readdir(rome())).not.toContain('statement.json.sig')
  expect((await stat(join(oslo(), 'statement.json.sig'), { bigint: true })).mtimeNs).toBe(before.mtimeNs)
  expect(await judge(rome(), key)).toBe('unsigned')

  const second = (await signFolder(out, key.file)).nodes
  expect(second.map(({ node, change }) => [node, change])).toEqual([
    ['oslo-a', 'same'],
    ['rome-a', 'signed'],
  ])
  expect(second[0]!.serial).toBe(serial)
  expect(second[1]!.serial).toBeGreaterThan(serial)

  // Former content gets a new serial.
  await edit('rome.yaml', 'routerId: 10.0.0.3', 'routerId: 10.0.0.2')
  await plan()
  const third = (await signFolder(out, key.file)).nodes
  expect(third[1]!.serial).toBeGreaterThan(second[1]!.serial)
  expect(await signFolder(out, key.file)).toMatchObject({
    nodes: [
      { change: 'same', serial },
      { change: 'same', serial: third[1]!.serial },
    ],
  })
})

test('a serial is above the highest that was given out, whatever of it is left and whatever the clock says', async () => {
  await plan()
  const future = 20990101000000
  await writeFile(join(out, 'serial'), `${future}\n`)
  expect((await signFolder(out, key.file)).nodes[0]).toMatchObject({ serial: future + 1 })
  expect(await readFile(join(out, 'serial'), 'utf8')).toBe(`${future + 1}\n`)
  // The signatures that are left say it too.
  await rm(join(out, 'serial'))
  await rm(join(rome(), 'statement.json'))
  expect((await signFolder(out, key.file)).nodes.map(({ serial }) => serial)).toEqual([
    future + 1,
    future + 2,
  ])
  // With nothing left, the clock does.
  await rm(out, { recursive: true })
  await plan()
  const now = Number(new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14))
  const [first] = (await signFolder(out, key.file)).nodes
  expect(first!.serial).toBeGreaterThanOrEqual(now)
  expect(first!.serial).toBeLessThan(future)
  await writeFile(join(out, 'serial'), 'x')
  expect(await signFolder(out, key.file)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('serial is damaged'),
  })
})

test('sign --again gives unchanged bundles a new serial, above one that an undo has given out', async () => {
  await pin(key)
  await plan()
  const [{ serial } = { serial: 0 }] = (await signFolder(out, key.file)).nodes
  await writeFile(join(out, 'serial'), `${serial + 1000}\n`)
  const { nodes } = await signFolder(out, key.file, {}, ['--again'])
  expect(nodes.map(({ change, serial: given }) => [change, given])).toEqual([
    ['signed', serial + 1001],
    ['signed', serial + 1001],
  ])
  expect(await judge(rome(), key)).toBe('accepted')
})

test('two processes that sign at the same time give out two serials, or one of them has nothing to sign', async () => {
  await plan()
  const [one, two] = await Promise.all([signFolder(out, key.file), signFolder(out, key.file)])
  expect([one.exitCode, two.exitCode]).toEqual([0, 0])
  expect([...one.nodes, ...two.nodes].filter(({ change }) => change === 'signed')).toHaveLength(2)
  expect(one.nodes.map(({ digest }) => digest)).toEqual(two.nodes.map(({ digest }) => digest))
})

describe('nothing is signed', () => {
  const isUntouched = async () => {
    for (const dir of [oslo(), rome()]) expect(await readdir(dir)).not.toContain('statement.json')
  }

  test('with a key that the bundles do not pin', async () => {
    await pin(key)
    await plan()
    const { exitCode, stderr } = await signFolder(out, (await makeKey(folder, 'other')).file)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(
      /oslo-a\/planner\.keys:1:1 does not have the key SHA256:\S+: no node would accept it/,
    )
    expect(stderr).toContain('add it to planner.keys in fleet.yaml, and plan again')
    await isUntouched()
  })

  test('if one bundle is damaged, or has a file too many', async () => {
    await plan()
    await appendFile(join(rome(), 'frr.conf'), '!\n')
    await writeFile(join(oslo(), 'notes.txt'), '')
    const damaged = await signFolder(out, key.file)
    expect([damaged.exitCode, damaged.stderr]).toEqual([
      1,
      expect.stringContaining('frr.conf:1:1 does not match its hash in the manifest'),
    ])
    await plan()
    const more = await signFolder(out, key.file)
    expect([more.exitCode, more.stderr]).toEqual([
      1,
      expect.stringContaining('notes.txt:1:1 is not part of the bundle'),
    ])
    await isUntouched()
  })

  test('with a key that is none, or of another type', async () => {
    await plan()
    const rsa = join(folder, 'rsa')
    await execa('ssh-keygen', ['-q', '-t', 'rsa', '-N', '', '-f', rsa])
    expect(await signFolder(out, rsa)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is a key of type RSA'),
    })
    expect(await signFolder(out, join(folder, 'none'))).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('No such file or directory'),
    })
    expect(await signFolder(join(folder, 'nothing'), key.file)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('there is no bundle in'),
    })
    await isUntouched()
  })
})

test('a key with a passphrase signs through ssh-agent alone, named by either of its files', async () => {
  await plan()
  const locked = await makeKey(folder, 'locked', 'a passphrase')
  const socket = join(folder, 'agent.sock')
  const agent = execa('ssh-agent', ['-D', '-a', socket], { reject: false })
  try {
    const env = { SSH_AUTH_SOCK: socket }
    await expect
      .poll(() =>
        stat(socket).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
    const refused = await signFolder(out, locked.file, env)
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('incorrect passphrase')
    expect(refused.stderr).toContain('`ssh-add KEY`, and then name KEY.pub')

    const askpass = join(folder, 'askpass')
    await writeFile(askpass, '#!/bin/sh\necho a passphrase\n', { mode: 0o700 })
    await execa('ssh-add', [locked.file], {
      env: { ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
    })
    expect(await signFolder(out, locked.file, env)).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^note: the bundles pin no key: .*planner\.keys in fleet\.yaml/),
    })
    expect(await judge(rome(), locked)).toBe('accepted')
    await rm(locked.file)
    await rm(join(rome(), 'statement.json'))
    expect((await signFolder(out, `${locked.file}.pub`, env)).nodes[1]).toMatchObject({ change: 'signed' })
    expect(await judge(rome(), locked)).toBe('accepted')
  } finally {
    agent.kill()
    await agent
  }
})

test('the planner signs what it has planned, and says so where it cannot', async () => {
  await pin(key)
  const planner = (file: string) =>
    execa(
      process.execPath,
      [
        ...[cli, 'planner', '--once', '--no-check', '--sites', join(folder, 'sites'), '--out', out],
        ...['--state', join(folder, 'state'), '--key', file],
      ],
      { reject: false },
    )
  const good = await planner(key.file)
  expect(good.exitCode).toBe(0)
  expect(good.stderr).toContain('"event":"signed"')
  expect(good.stderr).not.toContain('pin no key')
  expect(await judge(rome(), key)).toBe('accepted')
  await edit('rome.yaml', 'routerId: 10.0.0.2', 'routerId: 10.0.0.3')
  const bad = await planner((await makeKey(folder, 'other')).file)
  expect(bad.exitCode).toBe(1)
  expect(bad.stderr).toContain('the bundles are written, and not signed')
  expect(await judge(rome(), key)).toBe('unsigned')
})
