import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readKeysFile, readPinned, readSerial } from '../../../src/bundle/pinned.ts'
import { renderStatement } from '../../../src/bundle/statement.ts'
import { hashOf } from '../../../src/files/hash.ts'
import { plannerKeysName, readPlannerKeys, renderPlannerKeys } from '../../../src/manifest/planner-keys.ts'
import { OperationError } from '../../../src/text/operation-error.ts'
import { makeSigner } from './signer.ts'

const [one, two] = [makeSigner().key, makeSigner().key]
const keysText = renderPlannerKeys([`ssh-ed25519 ${one} planner@noc`, `ssh-ed25519 ${two}`])
let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-pinned-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const write = (name: string, text: string) => writeFile(join(dir, name), text)
const statement = (manifest: string, serial = 7) =>
  renderStatement({ format: 1, site: 's', node: 'a', serial, files: { 'manifest.json': hashOf(manifest) } })
const messageOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(OperationError)
  return (error as OperationError).message.replaceAll(dir, 'DIR')
}

test('a node without a bundle, or with one without keys, has pinned nothing', async () => {
  expect(await readPinned(join(dir, 'none'))).toMatchObject({ keys: null, statement: null })
  await write('manifest.json', '{"files":{}}')
  expect(await readPinned(dir)).toMatchObject({ keys: null, statement: null })
})

test('the keys and the serial are those of the bundle that is installed, also if its manifest is damaged', async () => {
  await write('manifest.json', 'damaged')
  await write(plannerKeysName, keysText)
  await write('statement.json', statement('{}'))
  expect(await readPinned(dir)).toMatchObject({ keys: [one, two], statement: { serial: 7, node: 'a' } })
})

test('keys that are damaged or missing, and a serial that is, do not count as none', async () => {
  await write('manifest.json', `{"files":{"${plannerKeysName}":"00"}}`)
  expect(await messageOf(readPinned(dir))).toBe(
    'DIR/planner.keys is missing: the keys that this node has pinned are unknown',
  )
  for (const text of [
    '',
    '# nothing\n',
    keysText.slice(0, -20),
    `${keysText}x`,
    keysText.replace(one, two.slice(1)),
  ]) {
    await write(plannerKeysName, text)
    expect(await messageOf(readPinned(dir))).toContain('DIR/planner.keys is damaged')
  }
  await write(plannerKeysName, keysText)
  await write('statement.json', '{}')
  expect(await messageOf(readPinned(dir))).toContain('DIR/statement.json is damaged')
})

test('a file of keys that an engineer names may be a .pub file, and no other', async () => {
  await write('planner.pub', `ssh-ed25519 ${one} any "comment"\n`)
  expect(await readKeysFile(join(dir, 'planner.pub'))).toEqual([one])
  await write('planner.pub', '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n')
  expect(await messageOf(readKeysFile(join(dir, 'planner.pub')))).toBe(
    'DIR/planner.pub is not a file of Ed25519 public keys of OpenSSH',
  )
  expect(await messageOf(readKeysFile(join(dir, 'none')))).toBe('DIR/none is missing')
  // Options of OpenSSH would limit the key: they are not read, so the line is not either.
  expect(readPlannerKeys(`planner valid-before="20270101" ssh-ed25519 ${one}\n`)).toBeNull()
})

test('the serial of a bundle that was changed after it was signed is not shown', async () => {
  await write('manifest.json', '{}')
  expect(await readSerial(dir)).toBeNull()
  await write('statement.json', statement('{}'))
  expect(await readSerial(dir)).toBe(7)
  await write('manifest.json', '{"files":{}}')
  expect(await readSerial(dir)).toBeNull()
  expect(await readSerial(join(dir, 'none'))).toBeNull()
})
