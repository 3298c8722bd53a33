import { join } from 'node:path'
import type { Pinned } from '../../../bundle/pinned.ts'
import type { LoadedBundle } from '../../../bundle/read.ts'
import { readStatement } from '../../../bundle/statement.ts'
import { type Refusal, verifyBundle } from '../../../bundle/verify.ts'
import { plannerKeysName, readPlannerKeys } from '../../../manifest/planner-keys.ts'
import { OperationError } from '../../../text/operation-error.ts'
import type { Signature, Signer } from '../signer.ts'

/** The bundle that a node gets, and the one that it has. */
export interface Pair {
  readonly node: string
  readonly site: string
  readonly target: LoadedBundle
  readonly former: LoadedBundle
}

/** What is known of former bundles, other than the keys of the plan. */
export interface Trust {
  /** Statements of the bundles that this folder has rolled out last. */
  readonly known: ReadonlySet<string>
  /** The operator answers for what the nodes have. */
  readonly former: boolean
}

export interface PairProblem {
  readonly message: string
  readonly cure: string
}

const cures: Readonly<Record<Refusal['reason'], string>> = {
  unsigned: 'sign the bundles: `anyward sign --key FILE`',
  altered: 'run `anyward plan` and `anyward sign` again',
  'unknown-key':
    'sign with a key that the node has pinned; to change keys, first pin the old and the new one (docs/signing.md)',
  'other-node': 'run `anyward plan` again',
  older:
    'a bundle that is older than what a node runs gets a new serial by `anyward sign --key FILE --again`',
}

/**
 * Why the node would refuse its new bundle, or why its former one must not be signed for an undo; `null`: neither. What
 * arrives from a node is signed only if the planner has signed it before: one who is in between could have anything signed.
 */
export function findPairProblem({ node, site, target, former }: Pair, trust: Trust): PairProblem | null {
  const { manifest, statement } = former
  if (manifest.node !== node || manifest.site !== site) {
    return {
      message: `${node} has the bundle of ${manifest.node} at ${manifest.site}`,
      cure: `check which machine is reached as ${node}`,
    }
  }
  const accepted = verifyBundle(target, pinnedBy(former))
  if (!accepted.ok) {
    const { reason, message } = accepted.refusal
    return { message: `${node} would refuse its new bundle: ${message}`, cure: cures[reason] }
  }
  if (accepted.signed === null) return null
  const isTrusted = trust.former || (statement !== null && trust.known.has(statement))
  // A bundle that pins no keys is by the operator's own.
  const keys = isTrusted ? null : (pinnedBy(target).keys ?? [accepted.signed.key])
  const verifyFormer = (keys: readonly string[] | null) =>
    verifyBundle(former, { file: 'planner.keys of the plan', keys, statement: null })
  const verified = verifyFormer(keys)
  if (verified.ok) return null
  const { reason, message } = verified.refusal
  const why = reason === 'unsigned' ? 'it is not signed' : message
  return {
    message: `${node}: an undo would sign the bundle that it has, which is not known to be the planner's: ${why}`,
    cure: verifyFormer(null).ok
      ? '`--trust-former` signs what the nodes have: for the first signed bundles, and after a change of keys'
      : `install a bundle that is whole on ${node} itself: \`anyward apply\``,
  }
}

/**
 * The former content of each node, with a serial above that of its new bundle. Each node would accept it, whichever of the
 * two it runs. Throws OperationError.
 */
export async function signUndos(pairs: readonly Pair[], signer: Signer): Promise<LoadedBundle[]> {
  const above = Math.max(...pairs.flatMap(({ target, former }) => [serialIn(target), serialIn(former)]))
  const signatures = await signer.sign(
    pairs.map(({ former }) => former),
    above,
  )
  return pairs.map(({ node, target, former }, index) => {
    const undo = withSignature(former, signatures[index]!)
    requireAccepted(`an undo of ${node}`, undo, [target, former])
    return undo
  })
}

/** Both bundles of nodes that have been undone, for another attempt: the new one above what they run. Throws OperationError. */
export async function signAgain(pairs: readonly Pair[], signer: Signer): Promise<Pair[]> {
  const above = Math.max(...pairs.flatMap(({ target, former }) => [serialIn(target), serialIn(former)]))
  const signatures = await signer.sign(
    pairs.map(({ target }) => target),
    above,
  )
  const next = pairs.map((pair, index) => {
    const target = withSignature(pair.target, signatures[index]!)
    requireAccepted(`the bundle of ${pair.node}`, target, [pair.former])
    return { ...pair, target }
  })
  const undos = await signUndos(next, signer)
  return next.map((pair, index) => ({ ...pair, former: undos[index]! }))
}

function withSignature(bundle: LoadedBundle, { statement, signature }: Signature): LoadedBundle {
  return { ...bundle, statement, signature }
}

function serialIn({ statement }: LoadedBundle): number {
  return readStatement(statement ?? '')?.serial ?? 0
}

function requireAccepted(what: string, bundle: LoadedBundle, installed: readonly LoadedBundle[]): void {
  for (const one of installed) {
    const verdict = verifyBundle(bundle, pinnedBy(one))
    if (verdict.ok) continue
    const { message, cure } = verdict.refusal
    throw new OperationError(`${what}, signed with this key, would be refused: ${message}`, {
      hint: cure,
      outcome: 'refused',
    })
  }
}

/** What a node that runs this bundle has pinned. */
function pinnedBy({ dir, files, statement }: LoadedBundle): Pinned {
  const keys = files.get(plannerKeysName)
  return {
    file: join(dir, plannerKeysName),
    keys: keys === undefined ? null : (readPlannerKeys(keys) ?? []),
    statement: readStatement(statement ?? ''),
  }
}
