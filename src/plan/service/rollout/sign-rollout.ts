import { type LoadedBundle, loadBundle } from '../../../bundle/read.ts'
import { systemClock } from '../../../clock/clock.ts'
import { OperationError } from '../../../text/operation-error.ts'
import type { RolloutFiles } from '../../rollout/engine/rollout-files.ts'
import { nodesOf, type Rollout } from '../../rollout/rollout.ts'
import { type Signer, type SignRequest, withSigner } from '../signer.ts'
import { savePairs } from './frozen.ts'
import { type Pair, signAgain, signUndos, type Trust } from './undo.ts'

/** How the operator answers for what is signed. */
export interface RolloutSigning {
  /** The key that signs what undoes signed bundles. */
  readonly key?: string
  /** Signs what the nodes have, whatever key has signed it, if any. */
  readonly trustFormer?: true
}

/** What this folder has rolled out last is known, whatever keys have signed it. */
export async function readTrust(
  files: RolloutFiles,
  last: Rollout | null,
  { trustFormer = false }: { readonly trustFormer?: boolean },
): Promise<Trust> {
  const known = new Set<string>()
  for (const { node } of last === null ? [] : nodesOf(last)) {
    for (const { statement } of Object.values(await loadBundles(files, last!.id, node))) {
      if (statement !== null) known.add(statement)
    }
  }
  return { known, former: trustFormer }
}

type SignBy = Pick<SignRequest, 'out' | 'isTrial'> & { readonly keyFile: string | undefined }

/** What undoes the new bundles, in place of the former ones. Throws OperationError. */
export function signForStart(pairs: readonly Pair[], by: SignBy): Promise<readonly Pair[]> {
  return signPairs(pairs, by, async (signed, signer) => {
    const undos = await signUndos(signed, signer)
    return signed.map((pair, index) => ({ ...pair, former: undos[index]! }))
  })
}

/** Only what replaces a signed bundle has to be signed. Throws OperationError. */
async function signPairs(
  pairs: readonly Pair[],
  { keyFile, ...by }: SignBy,
  sign: (pairs: readonly Pair[], signer: Signer) => Promise<Pair[]>,
): Promise<readonly Pair[]> {
  const signed = pairs.filter(({ target }) => target.statement !== null)
  if (signed.length === 0) return pairs
  if (keyFile === undefined) {
    throw new OperationError(
      'the bundles are signed, and what undoes them has to be: it gets a higher serial',
      {
        hint: 'name the key with --key FILE, as for `anyward sign`; nothing was changed',
        outcome: 'refused',
      },
    )
  }
  const request = { ...by, keyFile, nowMs: systemClock.wall() }
  const next = new Map(
    (await withSigner(request, (signer) => sign(signed, signer))).map((one) => [one.node, one]),
  )
  return pairs.map((pair) => next.get(pair.node) ?? pair)
}

/** A node that was undone runs a higher serial than its new bundle has. Throws OperationError. */
export async function signForAnotherAttempt(
  files: RolloutFiles,
  { first, next }: { readonly first: Rollout; readonly next: Rollout },
  out: string,
  keyFile: string | undefined,
): Promise<void> {
  const undone = new Set(nodesOf(first).flatMap(({ node, state }) => (state === 'undone' ? [node] : [])))
  const pairs: Pair[] = []
  for (const { node, site, state } of nodesOf(next)) {
    if (state !== 'waiting' || !undone.has(node)) continue
    pairs.push({ node, site, ...(await loadBundles(files, first.id, node)) })
  }
  await savePairs(files, first.id, await signPairs(pairs, { out, keyFile }, signAgain))
}

async function loadBundles(
  files: RolloutFiles,
  id: string,
  node: string,
): Promise<{ target: LoadedBundle; former: LoadedBundle }> {
  return {
    target: await loadBundle(files.bundleDir(id, 'target', node)),
    former: await loadBundle(files.bundleDir(id, 'former', node)),
  }
}
