import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf, filesToCopy, listBundles, loadBundle } from '../../../../../src/bundle/read.ts'
import { hashesOf, renderStatement } from '../../../../../src/bundle/statement.ts'
import { type RolloutTransport, TransportError } from '../../../../../src/change/transport.ts'
import { RolloutFiles } from '../../../../../src/plan/rollout/engine/rollout-files.ts'
import type { LocalNodes } from '../../../../../src/plan/service/rollout/reach.ts'
import { previewRollout, startRollout } from '../../../../../src/plan/service/rollout/rollout-service.ts'
import { makeSigner, signAs } from '../../../bundle/signer.ts'

const golden = 'test/golden/example/out'
const signer = makeSigner()
let dir: string
let out: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'preview-'))
  out = join(dir, 'out')
  await cp(golden, out, { recursive: true })
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** Each node has another bundle than that of the plan, unsigned. */
async function inspect({ node }: { node: string }) {
  const bundle = await loadBundle(listBundles(golden).find((place) => place.node === node)!.dir)
  const files = filesToCopy(bundle)
  files.set('manifest.json', `${files.get('manifest.json')}\n`)
  return { manifest: bundle.manifest, digest: digestOf({ files }), files }
}

function placeOf(ask: Pick<RolloutTransport, 'inspect'> = { inspect }) {
  const local: LocalNodes = { plan: async (fleet) => fleet, use: (work) => work(ask as RolloutTransport) }
  return { sites: 'sites', out, local }
}

/** As `anyward sign` does, with a serial of this year. */
async function sign(): Promise<void> {
  for (const { dir: folder, site, node } of listBundles(out)) {
    const { files } = await loadBundle(folder)
    const statement = renderStatement({
      ...{ format: 1, site, node, serial: 20261130000000 },
      files: hashesOf(files),
    })
    await writeFile(join(folder, 'statement.json'), statement)
    await writeFile(join(folder, 'statement.json.sig'), signAs(signer, statement))
  }
}

const reporter = { onEvent: () => {}, onState: () => {}, signal: new AbortController().signal }
/** What a preview and a start refuse, which has to be the same. */
async function refusal(place: ReturnType<typeof placeOf>, signing: { trustFormer?: true; key?: string }) {
  const errors: { message: string; hint: string }[] = []
  for (const attempt of [
    () => previewRollout(place, signing),
    () => startRollout(place, signing, reporter),
  ]) {
    errors.push(
      await attempt().then(
        () => ({ message: 'not refused', hint: '' }),
        ({ message, hint }) => ({ message, hint }),
      ),
    )
  }
  expect(errors[0]).toEqual(errors[1])
  return errors[0]!
}

test('a preview of signed bundles refuses what the start refuses: no key, and one that does not exist', async () => {
  await sign()
  const noKey = await refusal(placeOf(), { trustFormer: true })
  expect(noKey.message).toBe(
    'the bundles are signed, and what undoes them has to be: it gets a higher serial',
  )
  expect(noKey.hint).toContain('--key FILE')
  const missing = join(dir, 'none')
  expect((await refusal(placeOf(), { trustFormer: true, key: missing })).message).not.toBe('not refused')
  expect((await readdir(out)).sort()).toEqual(['.rollout', 'ams1', 'fra1', 'nyc1'])
})

test('a preview refuses, as the start does, while another rollout is not over', async () => {
  await mkdir(join(out, '.rollout'))
  await new RolloutFiles(out).save({
    ...{ format: 1, id: '20261130T000000Z', startedBy: 'root@noc', startedAt: '2026-11-30T00:00:00Z' },
    ...{ sitesHash: '', soakMs: 1000, state: 'paused', aim: 'forward', reason: 'paused', waves: [] },
  })
  expect((await refusal(placeOf(), {})).message).toBe(
    'rollout 20261130T000000Z, which root@noc started, is not over',
  )
})

test('the hint is about what is wrong, and does not name a flag that is given, or that does not help', async () => {
  await sign()
  const first = await refusal(placeOf(), {})
  expect(first.message).toMatch(/^3 nodes cannot take part:\n/)
  expect(first.hint).toBe(
    '`--trust-former` signs what the nodes have: for the first signed bundles, and after a change of keys\n    nothing was changed',
  )
  const half = {
    inspect: async (target: { node: string }) => {
      const installed = await inspect(target)
      return { ...installed, files: new Map(installed.files).set('statement.json', '{}') }
    },
  }
  for (const signing of [{}, { trustFormer: true }] as const) {
    const { hint } = await refusal(placeOf(half), signing)
    expect(hint).not.toContain('--trust-former')
    expect(hint).toContain('install a bundle that is whole on nyc1-a itself: `anyward apply`')
  }
})

test('a cure is printed once for all nodes that need it', async () => {
  const { message, hint } = await refusal(
    placeOf({
      inspect: async ({ node }) => {
        if (node === 'nyc1-a') return null
        throw new TransportError(`${node} cannot be reached`, { cure: 'make ssh work' })
      },
    }),
    {},
  )
  expect(message.split('\n    ').sort()).toEqual([
    '3 nodes cannot take part:',
    'ams1-a cannot be reached',
    'fra1-a cannot be reached',
    'nyc1-a has no bundle yet',
  ])
  expect(hint.split('\n    ').sort()).toEqual([
    'install the first bundle of a node there, with `anyward apply`',
    'make ssh work',
    'nothing was changed',
  ])
})

test('a folder without bundles, and a node without one, are named with what writes them', async () => {
  const cure = `write the bundles with \`anyward plan --out ${out}\`, or name their folder with --out; nothing was changed`
  await rm(join(out, 'fra1'), { recursive: true })
  expect(await refusal(placeOf(), {})).toEqual({ message: `${out} has no bundle of fra1-a`, hint: cure })
  await rm(out, { recursive: true })
  await expect(startRollout({ sites: 'sites', out }, {}, reporter)).rejects.toMatchObject({
    message: `there is no bundle in ${out}`,
    hint: cure,
  })
  expect(await readdir(dir)).toEqual([])
})
