import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type BundlePlace, issueAt, type LoadedBundle, listBundles, loadBundle } from '../../bundle/read.ts'
import { fingerprintOf, isSignatureOf, readSignature } from '../../bundle/ssh-signature.ts'
import {
  hashesOf,
  nextSerial,
  readStatement,
  renderStatement,
  signatureName,
  statementName,
} from '../../bundle/statement.ts'
import { verifyBundle } from '../../bundle/verify.ts'
import { writeBundles } from '../../bundle/write.ts'
import { writeFileAtomically } from '../../files/atomic-file.ts'
import { hashOf } from '../../files/hash.ts'
import { acquireLock } from '../../files/lock.ts'
import { describeMissing, findMissingPrograms } from '../../linux/programs.ts'
import { readFingerprint, SshKeygenError, signTexts } from '../../linux/ssh-keygen.ts'
import { plannerKeysName, readPlannerKeys, signatureNamespace } from '../../manifest/planner-keys.ts'
import { ConfigError, type Issue } from '../../text/issue.ts'
import { OperationError } from '../../text/operation-error.ts'

export interface SignRequest {
  /** The folder of `plan --out`. */
  readonly out: string
  /** A private key without a passphrase, or a public key whose private half an agent has. */
  readonly keyFile: string
  readonly nowMs: number
}

interface SignedBundle {
  readonly site: string
  readonly node: string
  readonly serial: number
  /** SHA-256 of the statement, in hex. */
  readonly digest: string
  /** `same`: it was signed before, and has not changed since. */
  readonly change: 'signed' | 'same'
}

/** The highest serial that was given out for a folder: of the bundles there some may be unsigned at the moment. */
const serialName = 'serial'
const lockName = '.sign.lock'
const lockWaitMs = 30_000

/**
 * Signs every bundle of a folder that is not signed as it is now, all with one serial, or none of them. Throws ConfigError
 * for bundles that a node would refuse, and OperationError.
 */
export async function signBundles(request: SignRequest): Promise<SignedBundle[]> {
  const { out, keyFile } = request
  const places = listBundles(out)
  if (places.length === 0) {
    throw new OperationError(`there is no bundle in ${out}`, {
      hint: `write them first: anyward plan --out ${out}`,
    })
  }
  const missing = await findMissingPrograms(['ssh-keygen', 'setsid'])
  if (missing.length > 0) {
    throw new OperationError(`missing on this machine: ${describeMissing(missing)}`, { hint: 'install it' })
  }
  const fingerprint = await requireKey(keyFile)
  const lockFile = join(out, lockName)
  const lock = await acquireLock(lockFile, { waitMs: lockWaitMs })
  if (lock.outcome === 'busy') {
    throw new OperationError(`another process signs the bundles in ${out}`, {
      hint: 'wait until it has ended',
    })
  }
  try {
    return await signAll(places, fingerprint, request)
  } finally {
    // Only its owner may read it, and other users copy the folder. A process that waits for it makes a new one.
    await rm(lockFile, { force: true })
    lock.release()
  }
}

async function signAll(
  places: readonly BundlePlace[],
  fingerprint: string,
  { out, keyFile, nowMs }: SignRequest,
): Promise<SignedBundle[]> {
  const bundles = await loadAll(places)
  const present = bundles.map((bundle) => findSignature(bundle, fingerprint))
  const unsigned = bundles.filter((_, index) => present[index] === null)
  requireFit(unsigned, fingerprint)
  const serials = bundles.map(({ statement }) => readStatement(statement ?? '')?.serial ?? 0)
  const serial = nextSerial(nowMs, Math.max(readSerialFile(out), ...serials))
  const statements = unsigned.map(({ manifest: { site, node }, files }) =>
    renderStatement({ format: 1, site, node, serial, files: hashesOf(files) }),
  )
  // Before the first signature: whatever happens from here on, no other statement gets this serial.
  if (unsigned.length > 0)
    await writeFileAtomically(join(out, serialName), `${serial}\n`, { flushFolder: true })
  const signatures = await sign(keyFile, fingerprint, statements)
  await writeBundles(async (stage) => {
    for (const [index, { dir }] of unsigned.entries()) {
      const files = [
        { path: statementName, content: statements[index]! },
        { path: signatureName, content: signatures[index]! },
      ]
      stage({ dir, files, obsolete: [] })
    }
  })
  return bundles.map(({ manifest: { site, node }, statement }, index) => {
    const kept = present[index]!
    const digest = hashOf(kept === null ? statements[unsigned.indexOf(bundles[index]!)]! : statement!)
    return { site, node, serial: kept ?? serial, digest, change: kept === null ? 'signed' : 'same' }
  })
}

/** Throws OperationError. */
async function requireKey(keyFile: string): Promise<string> {
  const hint = 'name an Ed25519 key: its private file, or its .pub file while ssh-agent has the private half'
  const { type, fingerprint } = await readFingerprint(keyFile).catch((cause: unknown) => {
    if (!(cause instanceof SshKeygenError)) throw cause
    throw new OperationError(`${keyFile} cannot be used: ${cause.message}`, { hint, cause })
  })
  if (type === 'ED25519') return fingerprint
  throw new OperationError(`${keyFile} is a key of type ${type}`, {
    hint: 'make an Ed25519 key: ssh-keygen -t ed25519 -f planner',
  })
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

function readSerialFile(out: string): number {
  const file = join(out, serialName)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw cause
  }
  const serial = /^\d{1,16}\n$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(serial)) return serial
  throw new OperationError(`${file} is damaged: it is not a serial`, {
    hint: 'write the highest serial that a node runs into it (`anyward status`), and a line feed',
  })
}

async function sign(keyFile: string, fingerprint: string, statements: readonly string[]): Promise<string[]> {
  if (statements.length === 0) return []
  const signatures = await signTexts(keyFile, signatureNamespace, statements).catch((cause: unknown) => {
    if (!(cause instanceof SshKeygenError)) throw cause
    throw new OperationError(`ssh-keygen cannot sign with ${keyFile}: ${cause.message}`, {
      hint: 'a key with a passphrase is used through ssh-agent: `ssh-add KEY`, and then name KEY.pub',
      cause,
    })
  })
  for (const [index, text] of signatures.entries()) {
    const read = readSignature(text)
    const isGood =
      read.ok &&
      fingerprintOf(read.signature.key) === fingerprint &&
      isSignatureOf(Buffer.from(statements[index]!), read.signature)
    if (!isGood) {
      throw new OperationError(`ssh-keygen has made a signature that is not by ${fingerprint}`, {
        hint: `check that ${keyFile} and the .pub file beside it are one pair`,
      })
    }
  }
  return signatures
}
