import { join } from 'node:path'
import { type BundlePlace, issueAt, type LoadedBundle, listBundles, loadBundle } from '../../bundle/read.ts'
import { fingerprintOf } from '../../bundle/ssh-signature.ts'
import { readStatement, signatureName, statementName } from '../../bundle/statement.ts'
import { verifyBundle } from '../../bundle/verify.ts'
import { writeBundles } from '../../bundle/write.ts'
import { hashOf } from '../../files/hash.ts'
import { plannerKeysName, readPlannerKeys } from '../../manifest/planner-keys.ts'
import { count } from '../../text/count.ts'
import { ConfigError, type Issue } from '../../text/issue.ts'
import { OperationError } from '../../text/operation-error.ts'
import { type Signer, type SignRequest, withSigner } from './signer.ts'

interface SignedBundle {
  readonly site: string
  readonly node: string
  readonly serial: number
  /** SHA-256 of the statement, in hex. */
  readonly digest: string
  /** `same`: it was signed before, and has not changed since. */
  readonly change: 'signed' | 'same'
}

export interface Signing {
  readonly nodes: readonly SignedBundle[]
  /** What the signatures do not protect. */
  readonly notes: readonly string[]
}

/**
 * Signs every bundle of a folder that is not signed as it is now, all with one serial, or none of them. Throws ConfigError
 * for bundles that a node would refuse, and OperationError.
 * @param again also those that are signed as they are now
 */
export async function signBundles(
  request: SignRequest,
  { again = false, onStep }: { again?: boolean; onStep?: (step: string) => void } = {},
): Promise<Signing> {
  const { out } = request
  const places = listBundles(out)
  if (places.length === 0) {
    throw new OperationError(`there is no bundle in ${out}`, {
      hint: `write them first: anyward plan --out ${out}`,
    })
  }
  onStep?.(`sign ${count(places.length, 'bundle')} with ${request.keyFile}`)
  return withSigner(request, (signer) => signAll(places, signer, again))
}

async function signAll(places: readonly BundlePlace[], signer: Signer, again: boolean): Promise<Signing> {
  const bundles = await loadAll(places)
  const present = bundles.map((bundle) => (again ? null : findSignature(bundle, signer.fingerprint)))
  const unsigned = bundles.filter((_, index) => present[index] === null)
  requireFit(unsigned, signer.fingerprint)
  const serials = bundles.map(({ statement }) => readStatement(statement ?? '')?.serial ?? 0)
  const signatures = await signer.sign(unsigned, Math.max(...serials))
  await writeBundles(async (stage) => {
    for (const [index, { dir }] of unsigned.entries()) {
      const { statement, signature } = signatures[index]!
      const files = [
        { path: statementName, content: statement },
        { path: signatureName, content: signature },
      ]
      stage({ dir, files, obsolete: [] })
    }
  })
  const nodes = bundles.map((bundle, index): SignedBundle => {
    const { site, node } = bundle.manifest
    const kept = present[index]!
    if (kept !== null) {
      return { site, node, serial: kept, digest: hashOf(bundle.statement!), change: 'same' }
    }
    const { serial, statement } = signatures[unsigned.indexOf(bundle)]!
    return { site, node, serial, digest: hashOf(statement), change: 'signed' }
  })
  return { nodes, notes: noteUnpinned(bundles) }
}

/** Signatures alone bind no node: the keys in its bundle do. */
export function noteUnpinned(bundles: readonly Pick<LoadedBundle, 'manifest' | 'files'>[]): string[] {
  const unpinned = bundles.filter(({ files }) => !files.has(plannerKeysName))
  if (unpinned.length === 0) return []
  const which =
    unpinned.length === bundles.length
      ? ''
      : ` of ${unpinned.map(({ manifest }) => manifest.node).join(', ')}`
  return [
    `the bundles${which} pin no key: a node that runs one accepts unsigned bundles too. For nodes that refuse them, add the line of the key’s .pub file to planner.keys in fleet.yaml, plan, and sign again (docs/signing.md)`,
  ]
}

async function loadAll(places: readonly BundlePlace[]): Promise<LoadedBundle[]> {
  const issues: Issue[] = []
  const bundles: LoadedBundle[] = []
  for (const { dir } of places) {
    try {
      bundles.push(await loadBundle(dir))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      issues.push(...error.issues)
    }
  }
  if (issues.length > 0) throw new ConfigError(issues)
  return bundles
}

/** The serial of a bundle that is signed as it is now; `null`: it is to be signed. */
function findSignature(bundle: LoadedBundle, fingerprint: string): number | null {
  const verdict = verifyBundle(bundle, { file: '', keys: null, statement: null })
  if (!verdict.ok || verdict.signed === null) return null
  const { statement, key } = verdict.signed
  // A bundle that pins keys may be signed by another of them.
  return bundle.files.has(plannerKeysName) || fingerprintOf(key) === fingerprint ? statement.serial : null
}

/** Refuses bundles that a node would not accept with this signature. Throws ConfigError. */
function requireFit(bundles: readonly LoadedBundle[], fingerprint: string): void {
  const issues = bundles.flatMap(({ dir, manifest, files, others }): Issue[] => {
    const text = files.get(plannerKeysName)
    const keys = text === undefined ? null : (readPlannerKeys(text) ?? [])
    const lacksKey = keys !== null && !keys.map(fingerprintOf).includes(fingerprint)
    return [
      ...others.map((name) => issueAt(join(dir, name), '', 'is not part of the bundle', 'remove it')),
      ...(lacksKey
        ? [
            issueAt(
              join(dir, plannerKeysName),
              '',
              `does not have the key ${fingerprint}: no node would accept it`,
              `add it to planner.keys in fleet.yaml, and plan again; if ${manifest.node} is gone, remove ${dir}`,
            ),
          ]
        : []),
    ]
  })
  if (issues.length > 0) throw new ConfigError(issues)
}
