import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LoadedBundle } from '../../bundle/read.ts'
import { fingerprintOf, isSignatureOf, readSignature } from '../../bundle/ssh-signature.ts'
import { hashesOf, nextSerial, renderStatement } from '../../bundle/statement.ts'
import { writeFileAtomically } from '../../files/atomic-file.ts'
import { acquireLock } from '../../files/lock.ts'
import { describeMissing, findMissingPrograms } from '../../linux/programs.ts'
import { readFingerprint, SshKeygenError, signTexts } from '../../linux/ssh-keygen.ts'
import { signatureNamespace } from '../../manifest/planner-keys.ts'
import { OperationError } from '../../text/operation-error.ts'

export interface SignRequest {
  /** The folder of `plan --out`. */
  readonly out: string
  /** A private key without a passphrase, or a public key whose private half an agent has. */
  readonly keyFile: string
  readonly nowMs: number
  /** Nothing is written, so another signature gets the same serial: it shows whether the key can sign. */
  readonly isTrial?: true
}

/** The highest serial that was given out for a folder: of the bundles there some may be unsigned at the moment. */
const serialName = 'serial'
const lockName = '.sign.lock'
const lockWaitMs = 30_000

export interface Signature {
  readonly serial: number
  readonly statement: string
  readonly signature: string
}

export interface Signer {
  readonly fingerprint: string
  /**
   * Signs the files of bundles, all with one serial, which is above every one that was given out for the folder, and above
   * another one. Throws OperationError.
   */
  sign(bundles: readonly Pick<LoadedBundle, 'manifest' | 'files'>[], above: number): Promise<Signature[]>
}

/** Signs for the folder of a plan, one process at a time. Throws OperationError. */
export async function withSigner<T>(request: SignRequest, work: (signer: Signer) => Promise<T>): Promise<T> {
  const { out, keyFile } = request
  const missing = await findMissingPrograms(['ssh-keygen', 'setsid'])
  if (missing.length > 0) {
    throw new OperationError(`missing on this machine: ${describeMissing(missing)}`, { hint: 'install it' })
  }
  const fingerprint = await requireKey(keyFile)
  const signer = createSigner(request, fingerprint)
  if (request.isTrial) return work(signer)
  const lockFile = join(out, lockName)
  const lock = await acquireLock(lockFile, { waitMs: lockWaitMs })
  if (lock.outcome === 'busy') {
    throw new OperationError(`another process signs the bundles in ${out}`, {
      hint: 'wait until it has ended',
    })
  }
  try {
    return await work(signer)
  } finally {
    // Only its owner may read it, and other users copy the folder. A process that waits for it makes a new one.
    await rm(lockFile, { force: true })
    lock.release()
  }
}

function createSigner({ out, keyFile, nowMs, isTrial }: SignRequest, fingerprint: string): Signer {
  return {
    fingerprint,
    async sign(bundles, above) {
      const serial = nextSerial(nowMs, Math.max(readSerialFile(out), above))
      if (bundles.length === 0) return []
      const statements = bundles.map(({ manifest: { site, node }, files }) =>
        renderStatement({ format: 1, site, node, serial, files: hashesOf(files) }),
      )
      // Before the first signature: whatever happens from here on, no other statement gets this serial.
      if (!isTrial) await writeFileAtomically(join(out, serialName), `${serial}\n`, { flushFolder: true })
      const signatures = await signStatements(keyFile, fingerprint, statements)
      return statements.map((statement, index) => ({ serial, statement, signature: signatures[index]! }))
    },
  }
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

async function signStatements(
  keyFile: string,
  fingerprint: string,
  statements: readonly string[],
): Promise<string[]> {
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
