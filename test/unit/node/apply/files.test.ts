import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findOwner } from '../../../../src/node/apply/files.ts'

const path = process.env.PATH
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-getent-'))
  process.env.PATH = `${folder}${delimiter}${path}`
})
afterEach(async () => {
  process.env.PATH = path
  await rm(folder, { recursive: true })
})

/** Puts a `getent` first on the PATH. */
async function pretend(script: string): Promise<void> {
  await writeFile(join(folder, 'getent'), `#!/bin/sh\n${script}\n`)
  await chmod(join(folder, 'getent'), 0o755)
}

test('the owner of a daemon\u2019s files is its user', async () => {
  await pretend('echo "bird:x:101:102::/run/bird:/usr/sbin/nologin"')
  expect(await findOwner('bird')).toEqual({ uid: 101, gid: 102 })
})

test('without that user it is the user of this process', async () => {
  await pretend('exit 2')
  expect(await findOwner('frr')).toEqual({ uid: process.getuid!(), gid: process.getgid!() })
})

test('a name service that hangs is an error that names the command, its time limit and the cure', async () => {
  await pretend('sleep 600')
  await expect(findOwner('bird', 50)).rejects.toMatchObject({
    message: 'cannot look up the user bird: getent passwd bird: no answer within 50 ms',
    hint: expect.stringMatching(
      /^this machine may be busy \(load [\d.]+ on \d+ processors?\): apply again .*nsswitch\.conf/,
    ),
  })
})
