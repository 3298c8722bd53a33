import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Pinned } from '../../../src/bundle/pinned.ts'
import { loadBundle } from '../../../src/bundle/read.ts'
import {
  hashesOf,
  nextSerial,
  readStatement,
  renderStatement,
  type Statement,
} from '../../../src/bundle/statement.ts'
import { verifyBundle } from '../../../src/bundle/verify.ts'
import { hashOf } from '../../../src/files/hash.ts'
import { plannerKeysName, renderPlannerKeys } from '../../../src/manifest/planner-keys.ts'
import { ConfigError } from '../../../src/text/issue.ts'
import { makeSigner, type Signer, signAs } from './signer.ts'

const golden = join(import.meta.dirname, '../../golden/example/out/fra1/fra1-a')
const other = join(import.meta.dirname, '../../golden/example/out/ams1/ams1-a')
const [first, second, stranger] = [makeSigner(), makeSigner(), makeSigner()]
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-verify-'))
  await makeBundle({})
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** A whole and consistent bundle in `dir`; `signer` null: unsigned. */
async function makeBundle({
  from = golden,
  keys = [first] as readonly Signer[],
  signer = first as Signer | null,
  serial = 7,
  edit = (statement: Statement): Statement => statement,
  wrong = {} as Parameters<typeof signAs>[2],
}): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  await cp(from, dir, { recursive: true })
  if (keys.length > 0) {
    const text = renderPlannerKeys(keys.map(({ key }) => `ssh-ed25519 ${key} a comment`))
    await writeFile(join(dir, plannerKeysName), text)
    await editManifest((manifest) => ({
      ...manifest,
      files: { ...manifest.files, [plannerKeysName]: hashOf(text) },
    }))
  }
  if (signer === null) return
  const { manifest, files } = await loadBundle(dir)
  const statement = renderStatement(
    edit({ format: 1, site: manifest.site, node: manifest.node, serial, files: hashesOf(files) }),
  )
  await writeFile(join(dir, 'statement.json'), statement)
  await writeFile(join(dir, 'statement.json.sig'), signAs(signer, statement, wrong))
}

type Json = Record<string, unknown> & { files: Record<string, string> }

async function editManifest(change: (manifest: Json) => Json): Promise<void> {
  const file = join(dir, 'manifest.json')
  const changed = change(JSON.parse(await readFile(file, 'utf8')) as Json)
  await writeFile(file, `${JSON.stringify(changed, null, 2)}\n`)
}

/** The node runs a bundle of that serial, which has pinned these keys. */
const pinned = (keys: readonly Signer[], serial = 6, node = 'fra1-a'): Pinned => ({
  file: '/etc/anyward/bundle/planner.keys',
  keys: keys.map(({ key }) => key),
  statement: { format: 1, site: 'fra1', node, serial, files: { 'manifest.json': '0'.repeat(64) } },
})
const nothingPinned: Pinned = { file: '/etc/anyward/bundle/planner.keys', keys: null, statement: null }

/** `accepted`, or the reason, with the message. */
async function judge(by: Pinned = pinned([first])): Promise<[string, string]> {
  try {
    const verdict = verifyBundle(await loadBundle(dir), by)
    if (verdict.ok) return ['accepted', '']
    const { reason, message, cure } = verdict.refusal
    return [reason, `${message}\n${cure}`.replaceAll(dir, 'DIR')]
  } catch (error) {
    if (error instanceof ConfigError) return ['damaged', error.message.replaceAll(dir, 'DIR')]
    throw error
  }
}
const reason = async (by?: Pinned) => (await judge(by))[0]

test('a bundle that a pinned key has signed is accepted, with a higher serial or as the one that runs', async () => {
  expect(await judge()).toEqual(['accepted', ''])
  const running = readStatement(await readFile(join(dir, 'statement.json'), 'utf8'))
  expect(await reason({ ...pinned([first]), statement: running })).toBe('accepted')
  expect(await reason(pinned([stranger, first]))).toBe('accepted')
})

test('no byte of any file can be changed', async () => {
  for (const name of await readdir(dir)) {
    const bytes = await readFile(join(dir, name))
    const places = [...new Set([0, 1, bytes.length >> 1, bytes.length - 2])]
    for (const at of places) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      await writeFile(join(dir, name), changed)
      expect([name, at, await reason()]).not.toContain('accepted')
    }
    await writeFile(join(dir, name), bytes)
  }
  expect(await reason()).toBe('accepted')
})

test('a changed file whose hash in the manifest was changed too is named', async () => {
  await writeFile(join(dir, 'bird.conf'), '# nothing\n')
  await editManifest((manifest) => ({
    ...manifest,
    files: { ...manifest.files, 'bird.conf': hashOf('# nothing\n') },
  }))
  expect(await judge()).toEqual([
    'altered',
    'DIR/bird.conf is not as it was signed\ncopy the whole folder again from the planner; nothing was changed',
  ])
})

describe('a folder is refused', () => {
  const remove = (name: string) => () => rm(join(dir, name))
  const drop = (name: string) => async () => {
    await rm(join(dir, name))
    await editManifest(({ files: { [name]: _, ...files }, ...manifest }) => ({ ...manifest, files }))
  }
  const sign =
    (options: Parameters<typeof makeBundle>[0]): (() => Promise<void>) =>
    () =>
      makeBundle(options)

  test.each([
    ['without the statement', remove('statement.json'), 'unsigned', 'DIR/statement.json is missing'],
    ['without the signature', remove('statement.json.sig'), 'unsigned', 'DIR/statement.json.sig is missing'],
    ['without a file', remove('bird.conf'), 'damaged', 'bird.conf:1:1 is missing'],
    ['without a file, nor its hash', drop('bird.conf'), 'altered', 'DIR/bird.conf is not as it was signed'],
    ['without its keys', drop('planner.keys'), 'altered', 'DIR/planner.keys is not as it was signed'],
    [
      'with a file more',
      () => writeFile(join(dir, 'more.conf'), ''),
      'altered',
      'DIR/more.conf is not part of the signed bundle',
    ],
    [
      'with a folder more',
      () => mkdir(join(dir, 'more')),
      'altered',
      'DIR/more is not part of the signed bundle',
    ],
    [
      'with a file of another name',
      () => rename(join(dir, 'bird.conf'), join(dir, 'bird2.conf')),
      'damaged',
      'bird.conf:1:1 is missing',
    ],
    [
      'with a link of another content',
      async () => {
        await rm(join(dir, 'bird.conf'))
        await symlink('/etc/hostname', join(dir, 'bird.conf'))
      },
      'damaged',
      'does not match its hash',
    ],
    [
      'with a folder in place of a file',
      async () => {
        await rm(join(dir, 'bird.conf'))
        await mkdir(join(dir, 'bird.conf'))
      },
      'damaged',
      'is not a regular file',
    ],
    [
      'with a pipe in place of the signature',
      async () => {
        await rm(join(dir, 'statement.json.sig'))
        await execa('mkfifo', [join(dir, 'statement.json.sig')])
      },
      'damaged',
      'is not a regular file',
    ],
    [
      'with a file that is too large',
      () => truncate(join(dir, 'bird.conf'), 2 ** 30),
      'damaged',
      'is too large',
    ],
    [
      'with a signature that is too large',
      () => truncate(join(dir, 'statement.json.sig'), 2 ** 21),
      'damaged',
      'is too large',
    ],
    [
      'with half a signature',
      () => truncate(join(dir, 'statement.json.sig'), 200),
      'altered',
      'is not a whole signature of ssh-keygen',
    ],
    [
      'that another key has signed',
      sign({ signer: stranger, keys: [stranger] }),
      'unknown-key',
      'is not in /etc',
    ],
    [
      'whose keys another key has signed',
      sign({ signer: first, keys: [second] }),
      'unknown-key',
      'is not in DIR/planner.keys',
    ],
    [
      'with a signature that claims a pinned key',
      sign({ signer: stranger, wrong: { claimedKey: first.key } }),
      'altered',
      'is not a signature of statement.json as it is now',
    ],
    ['signed for another purpose', sign({ wrong: { namespace: 'file' } }), 'altered', 'its namespace is not'],
    [
      'signed with another hash',
      sign({ wrong: { hashName: 'sha256' } }),
      'altered',
      'another hash algorithm',
    ],
    ['of another node', sign({ from: other }), 'other-node', 'is for ams1-a, and this node is fra1-a'],
    [
      'whose statement names another node',
      sign({ edit: (statement) => ({ ...statement, node: 'ams1-a' as Statement['node'] }) }),
      'other-node',
      'is for ams1-a at fra1, and the manifest for fra1-a',
    ],
    [
      'whose statement names another site',
      sign({ edit: (statement) => ({ ...statement, site: 'ams1' as Statement['site'] }) }),
      'other-node',
      'is for fra1-a at ams1',
    ],
    [
      'of a format of the future',
      sign({ edit: (statement) => ({ ...statement, format: 2 as 1 }) }),
      'altered',
      'is not a statement that this program reads',
    ],
    ['of a lower serial', sign({ serial: 5 }), 'older', 'has serial 5, and this node runs 6'],
    ['of the same serial with other content', sign({ serial: 6 }), 'older', 'with other content'],
  ] as const)('%s', async (_title, spoil, expected, words) => {
    await spoil()
    const [is, message] = await judge()
    expect(message).toContain(words)
    expect(is).toBe(expected)
  })
})

test('the statement of another node’s bundle is refused in this one', async () => {
  const foreign = join(dir, '..', `${dir.split('/').at(-1)}-other`)
  await makeBundle({ from: other })
  await rename(dir, foreign)
  await makeBundle({})
  for (const name of ['statement.json', 'statement.json.sig']) await cp(join(foreign, name), join(dir, name))
  expect(await reason()).toBe('altered')
  expect(await reason(nothingPinned)).toBe('altered')
  await rm(foreign, { recursive: true })
})

test('hidden files, which copying programs leave, do not count', async () => {
  await writeFile(join(dir, '.bird.conf.x1'), 'half')
  expect(await reason()).toBe('accepted')
})

describe('keys', () => {
  test('are replaced with an overlap: the old key pins the new one, which then removes the old one', async () => {
    await makeBundle({ keys: [first, second], signer: first })
    expect(await reason(pinned([first]))).toBe('accepted')
    await makeBundle({ keys: [second], signer: second, serial: 8 })
    expect(await reason(pinned([first, second], 7))).toBe('accepted')
    expect(await reason(pinned([first], 6))).toBe('unknown-key')
    await makeBundle({ keys: [first], signer: first, serial: 9 })
    expect(await reason(pinned([second], 8))).toBe('unknown-key')
  })

  test('are removed by a signed bundle without them, and not by an unsigned one', async () => {
    await makeBundle({ keys: [], signer: first })
    expect(await reason(pinned([first]))).toBe('accepted')
    await makeBundle({ keys: [], signer: null })
    expect(await judge(pinned([first]))).toEqual([
      'unsigned',
      'DIR/statement.json is missing: this node accepts only bundles that a key of /etc/anyward/bundle/planner.keys has signed\nsign it on the planner: `anyward sign --key KEY --out OUT`, and copy the whole folder; nothing was changed',
    ])
  })

  test('of a first bundle are pinned only if one of them has signed it', async () => {
    expect(await reason(nothingPinned)).toBe('accepted')
    await makeBundle({ signer: null })
    expect(await judge(nothingPinned)).toEqual(['unsigned', expect.stringContaining('the bundle pins keys')])
    await makeBundle({ signer: stranger })
    expect(await reason(nothingPinned)).toBe('unknown-key')
  })
})

test('a node without pinned keys accepts unsigned bundles, and signed ones with any serial if they are whole', async () => {
  await makeBundle({ keys: [], signer: null })
  expect(await reason(nothingPinned)).toBe('accepted')
  await makeBundle({ keys: [], signer: stranger })
  expect(await reason({ ...pinned([first], 9), keys: null })).toBe('accepted')
  await rm(join(dir, 'statement.json.sig'))
  expect(await judge(nothingPinned)).toEqual(['unsigned', expect.stringContaining('half signed')])
})

test('a serial is the time in UTC, or one above the highest if the clock is behind', () => {
  const nowMs = Date.UTC(2026, 10, 29, 12, 34, 56, 789)
  expect(nextSerial(nowMs, 0)).toBe(20261129123456)
  expect(nextSerial(nowMs, 20261129123455)).toBe(20261129123456)
  expect(nextSerial(nowMs, 20261129123456)).toBe(20261129123457)
  expect(nextSerial(0, 20261129123456)).toBe(20261129123457)
})
