import { describe, expect, test } from 'vitest'
import type { Pinned } from '../../../../../src/bundle/pinned.ts'
import { type LoadedBundle, loadBundle } from '../../../../../src/bundle/read.ts'
import { hashesOf, readStatement, renderStatement } from '../../../../../src/bundle/statement.ts'
import { verifyBundle } from '../../../../../src/bundle/verify.ts'
import type { Manifest } from '../../../../../src/manifest/manifest.ts'
import { plannerKeysName, renderPlannerKeys } from '../../../../../src/manifest/planner-keys.ts'
import { findPairProblem, signAgain, signUndos } from '../../../../../src/plan/service/rollout/undo.ts'
import type { Signer as BundleSigner } from '../../../../../src/plan/service/signer.ts'
import { makeSigner, type Signer, signAs } from '../../../bundle/signer.ts'

const golden = await loadBundle('test/golden/example/out/fra1/fra1-a')
const [old, next, stranger] = [makeSigner(), makeSigner(), makeSigner()]

interface Made {
  readonly keys?: readonly Signer[]
  readonly signer?: Signer | null
  readonly serial?: number
  readonly node?: string
}

function makeBundle(
  mark: string,
  { keys = [], signer = null, serial = 1, node = 'fra1-a' }: Made,
): LoadedBundle {
  const files = new Map(golden.files)
  files.delete('manifest.json')
  files.set('bird.conf', `${files.get('bird.conf')}# ${mark}\n`)
  if (keys.length > 0) {
    files.set(plannerKeysName, renderPlannerKeys(keys.map(({ key }) => `ssh-ed25519 ${key}`)))
  }
  const manifest = { ...golden.manifest, node, files: hashesOf(files) } as Manifest
  files.set('manifest.json', JSON.stringify(manifest))
  const signed = { format: 1, site: manifest.site, node, serial, files: hashesOf(files) } as const
  const statement = signer === null ? null : renderStatement(signed)
  const signature = signer === null ? null : signAs(signer, statement!)
  return { dir: mark, manifest, files, statement, signature, others: [] }
}

const pairOf = (former: Made, target: Made) => ({
  ...{ node: 'fra1-a', site: 'fra1' },
  former: makeBundle('former', { serial: 10, ...former }),
  target: makeBundle('target', { serial: 20, ...target }),
})

/** As `anyward sign` does, with one serial for all. */
const signerOf = (signer: Signer): BundleSigner => ({
  fingerprint: '',
  sign: async (bundles, above) =>
    bundles.map(({ manifest: { site, node }, files }) => {
      const serial = above + 1
      const statement = renderStatement({ format: 1, site, node, serial, files: hashesOf(files) })
      return { serial, statement, signature: signAs(signer, statement) }
    }),
})

/** What a node that runs the bundle has pinned. */
const running = ({ statement }: LoadedBundle, { keys = [] }: Made): Pinned => ({
  file: 'pinned',
  keys: keys.length === 0 ? null : keys.map(({ key }) => key),
  statement: readStatement(statement ?? ''),
})
const serialOf = ({ statement }: LoadedBundle) => readStatement(statement ?? '')?.serial ?? 0
const strict = { known: new Set<string>(), former: false }

const changes: [what: string, former: Made, target: Made, key: Signer][] = [
  ['the keys stay', { keys: [old], signer: old }, { keys: [old], signer: old }, old],
  ['a key is added', { keys: [old], signer: old }, { keys: [old, next], signer: old }, old],
  ['the former key is removed', { keys: [old, next], signer: old }, { keys: [next], signer: next }, next],
  ['it is the first signed one', {}, { keys: [old], signer: old }, old],
  ['it pins no keys any more', { keys: [old], signer: old }, { signer: old }, old],
  ['it is signed without keys', { signer: old }, { signer: old }, old],
]

describe('what undoes a signed bundle', () => {
  test.each(changes)(
    'is accepted by a node with either bundle, has its former content, and a higher serial: %s',
    async (_what, former, target, key) => {
      const pair = pairOf(former, target)
      const [undo] = await signUndos([pair], signerOf(key))
      for (const pinned of [running(pair.former, former), running(pair.target, target)]) {
        expect(verifyBundle(undo!, pinned)).toMatchObject({ ok: true })
      }
      expect(undo!.files).toEqual(pair.former.files)
      expect(serialOf(undo!)).toBeGreaterThan(serialOf(pair.target))
      expect(serialOf(undo!)).toBeGreaterThan(serialOf(pair.former))
      // The former bundle itself would be too old, or is not signed.
      if (target.keys !== undefined) {
        expect(verifyBundle(pair.former, running(pair.target, target)).ok).toBe(false)
      }
    },
  )

  test('is above a former bundle that has a higher serial than the new one', async () => {
    const pair = pairOf({ signer: old, serial: 30 }, { signer: old, serial: 20 })
    const [undo] = await signUndos([pair], signerOf(old))
    expect(serialOf(undo!)).toBeGreaterThan(30)
  })

  test.each([
    ['the new bundle', { keys: [old, next], signer: old }, { keys: [next], signer: next }, old],
    ['the former bundle', { keys: [old], signer: old }, { keys: [old, next], signer: old }, next],
  ])('is not made with a key that %s does not pin', async (_what, former, target, key) => {
    await expect(signUndos([pairOf(former, target)], signerOf(key))).rejects.toMatchObject({
      name: 'OperationError',
      outcome: 'refused',
      message: expect.stringContaining('an undo of fra1-a, signed with this key, would be refused: '),
    })
  })

  test('is followed by another attempt that the node accepts, and that can be undone again', async () => {
    const keys = { keys: [old], signer: old }
    const pair = pairOf(keys, keys)
    const [undo] = await signUndos([pair], signerOf(old))
    expect(verifyBundle(pair.target, running(undo!, keys))).toMatchObject({ refusal: { reason: 'older' } })
    const [again] = await signAgain([{ ...pair, former: undo! }], signerOf(old))
    expect(verifyBundle(again!.target, running(undo!, keys))).toMatchObject({ ok: true })
    expect(verifyBundle(again!.former, running(again!.target, keys))).toMatchObject({ ok: true })
    expect(again!.target.files).toEqual(pair.target.files)
    expect(again!.former.files).toEqual(pair.former.files)
  })
})

describe('a node takes no part', () => {
  const keys = { keys: [old], signer: old }
  const spoilt = (edit: (former: LoadedBundle) => LoadedBundle) => {
    const pair = pairOf(keys, keys)
    return { ...pair, former: edit(pair.former) }
  }
  test.each([
    ['unsigned', pairOf({}, keys), 'it is not signed'],
    [
      'made to look unsigned',
      spoilt((one) => ({ ...one, statement: null, signature: null })),
      'it is not signed',
    ],
    ['by a stranger', pairOf({ keys: [stranger], signer: stranger }, { signer: old }), 'which is not in'],
    [
      'by a stranger who pins the plan’s keys',
      pairOf({ keys: [old, stranger], signer: stranger }, keys),
      'which is not in',
    ],
    [
      'altered',
      spoilt((one) => ({ ...one, files: new Map(one.files).set('bird.conf', 'evil') })),
      'bird.conf is not as it was signed',
    ],
    ['of another node', pairOf({ ...keys, node: 'fra1-b' }, keys), 'fra1-a has the bundle of fra1-b at fra1'],
  ])('if the bundle that it has, which an undo would sign, is %s', (_what, pair, problem) => {
    expect(findPairProblem(pair, strict)?.message).toContain(problem)
  })

  test.each([
    ['is older', pairOf({ ...keys, serial: 30 }, keys), 'has serial 20, and this node runs 30'],
    ['is not signed', pairOf(keys, {}), 'statement.json is missing'],
    [
      'has a key that it has not pinned',
      pairOf(keys, { keys: [next], signer: next }),
      'which this node has pinned',
    ],
  ])('if it would refuse its new bundle, which %s', (_what, pair, problem) => {
    expect(findPairProblem(pair, { ...strict, former: true })?.message).toContain(problem)
  })

  test('unless the bundle that it has is known, or the operator answers for it', () => {
    const rotated = pairOf({ keys: [old, next], signer: old }, { keys: [next], signer: next })
    expect(findPairProblem(rotated, strict)?.message).toContain('which is not in planner.keys of the plan')
    const other = makeBundle('former', { keys: [old, next], signer: old, serial: 9 })
    expect(findPairProblem(rotated, { ...strict, known: new Set([other.statement!]) })).not.toBeNull()
    expect(findPairProblem(rotated, { ...strict, known: new Set([rotated.former.statement!]) })).toBeNull()
    expect(findPairProblem(rotated, { ...strict, former: true })).toBeNull()
    expect(findPairProblem(pairOf({}, keys), { ...strict, former: true })).toBeNull()
    const altered = { ...rotated.former, files: new Map(rotated.former.files).set('bird.conf', 'evil') }
    for (const trust of [
      { ...strict, former: true },
      { ...strict, known: new Set([altered.statement!]) },
    ]) {
      expect(findPairProblem({ ...rotated, former: altered }, trust)?.message).toContain(
        'is not as it was signed',
      )
    }
  })

  test('for none of these reasons if nothing is signed', () => {
    expect(findPairProblem(pairOf({}, {}), strict)).toBeNull()
    expect(findPairProblem(pairOf(keys, keys), strict)).toBeNull()
  })
})
