import { join } from 'node:path'
import { plannerKeysName, readPlannerKeys } from '../manifest/planner-keys.ts'
import type { Pinned } from './pinned.ts'
import { type LoadedBundle, manifestName } from './read.ts'
import { fingerprintOf, isSignatureOf, readSignature } from './ssh-signature.ts'
import {
  differencesOf,
  hashesOf,
  readStatement,
  type Statement,
  signatureName,
  statementName,
} from './statement.ts'

export interface Refusal {
  readonly reason: 'unsigned' | 'altered' | 'unknown-key' | 'other-node' | 'older'
  /** Names the file. */
  readonly message: string
  readonly cure: string
}

export type Verdict =
  /** `signed` is `null` for an unsigned bundle, where that is accepted. */
  | { readonly ok: true; readonly signed: { readonly statement: Statement; readonly key: string } | null }
  | { readonly ok: false; readonly refusal: Refusal }

type Bundle = Pick<LoadedBundle, 'dir' | 'manifest' | 'files' | 'statement' | 'signature' | 'others'>

const copyAgain = 'copy the whole folder again from the planner'
const signAgain = 'sign it on the planner: `anyward sign --key KEY --out OUT`, and copy the whole folder'

/**
 * Whether a node accepts a bundle: what it has pinned decides, and without that the keys in the bundle itself, so that the
 * keys that a node pins are known to work. A bundle pins the key that has signed it too: a planner cannot shut itself out.
 */
export function verifyBundle(bundle: Bundle, pinned: Pinned): Verdict {
  const own = readOwnKeys(bundle)
  if (own === 'damaged') {
    return refuse('altered', `${join(bundle.dir, plannerKeysName)} is not a list of keys`, copyAgain)
  }
  const isNeeded = pinned.keys !== null || own !== null
  const at = (name: string) => join(bundle.dir, name)
  if (bundle.statement === null || bundle.signature === null) {
    if (!isNeeded && bundle.statement === bundle.signature) return { ok: true, signed: null }
    const missing = at(bundle.statement === null ? statementName : signatureName)
    const why =
      pinned.keys !== null
        ? `this node accepts only bundles that a key of ${pinned.file} has signed`
        : isNeeded
          ? 'the bundle pins keys (planner.keys), and has to be signed by one of them itself'
          : 'the bundle is half signed'
    return refuse('unsigned', `${missing} is missing: ${why}`, signAgain)
  }
  const signature = checkSignature(bundle.statement, bundle.signature, at(signatureName))
  if (!signature.ok) return signature
  const known = [
    { keys: pinned.keys, where: `${pinned.file}, which this node has pinned` },
    { keys: own, where: `${at(plannerKeysName)}: the next bundle could not be signed by it` },
  ]
  for (const { keys, where } of known) {
    if (keys !== null && !keys.includes(signature.key)) {
      const message = `${at(signatureName)} is by ${fingerprintOf(signature.key)}, which is not in ${where}`
      return refuse('unknown-key', message, describeKeys(keys))
    }
  }
  const statement = readStatement(bundle.statement)
  if (statement === null) {
    return refuse(
      'altered',
      `${at(statementName)} is not a statement that this program reads`,
      'upgrade Anyward on this node, or sign with the version that it has',
    )
  }
  const signed = { statement, key: signature.key }
  return checkContent(bundle, statement) ?? checkOrder(bundle, statement, pinned) ?? { ok: true, signed }
}

function readOwnKeys({ files }: Bundle): readonly string[] | null | 'damaged' {
  const text = files.get(plannerKeysName)
  return text === undefined ? null : (readPlannerKeys(text) ?? 'damaged')
}

function checkSignature(statement: string, text: string, file: string) {
  const read = readSignature(text)
  if (!read.ok) return refuse('altered', `${file} ${read.problem}`, signAgain)
  const { signature } = read
  if (isSignatureOf(Buffer.from(statement), signature)) return { ok: true as const, key: signature.key }
  return refuse('altered', `${file} is not a signature of ${statementName} as it is now`, copyAgain)
}

function describeKeys(keys: readonly string[]): string {
  const list = keys.map(fingerprintOf).join(' or ')
  return `sign with ${list}; to change keys, first pin the old and the new one (docs/signing.md)`
}

function checkContent({ dir, manifest, files, others }: Bundle, statement: Statement): Verdict | null {
  const differences = differencesOf(statement, hashesOf(files))
  // The manifest differs with every other file.
  const changed = differences.find((name) => name !== manifestName) ?? differences[0]
  if (changed !== undefined) {
    return refuse('altered', `${join(dir, changed)} is not as it was signed`, copyAgain)
  }
  const [other] = others
  if (other !== undefined) {
    return refuse(
      'altered',
      `${join(dir, other)} is not part of the signed bundle`,
      `remove it, or ${copyAgain}`,
    )
  }
  if (statement.node !== manifest.node || statement.site !== manifest.site) {
    const message = `${join(dir, statementName)} is for ${statement.node} at ${statement.site}, and the manifest for ${manifest.node} at ${manifest.site}`
    return refuse('other-node', message, copyAgain)
  }
  return null
}

function checkOrder({ dir }: Bundle, statement: Statement, pinned: Pinned): Verdict | null {
  const running = pinned.statement
  if (running === null || pinned.keys === null) return null
  const file = join(dir, statementName)
  if (running.node !== statement.node) {
    const message = `${file} is for ${statement.node}, and this node is ${running.node} by the bundle that it runs`
    return refuse('other-node', message, 'use the bundle of this node')
  }
  if (statement.serial < running.serial) {
    const message = `${file} has serial ${statement.serial}, and this node runs ${running.serial}`
    return refuse(
      'older',
      message,
      'use the newest bundle; to return to former content, plan it and sign it with `anyward sign --again`, which gives it a new serial',
    )
  }
  if (statement.serial > running.serial) return null
  if (JSON.stringify(statement) === JSON.stringify(running)) return null
  const message = `${file} has serial ${statement.serial}, which this node runs already with other content`
  return refuse('older', message, 'sign it again on the planner, from one folder with all bundles')
}

function refuse(reason: Refusal['reason'], message: string, cure: string) {
  return { ok: false as const, refusal: { reason, message, cure: `${cure}; nothing was changed` } }
}
