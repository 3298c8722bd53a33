import { join } from 'node:path'
import { hashOf } from '../files/hash.ts'
import { plannerKeysName, readPlannerKeys } from '../manifest/planner-keys.ts'
import { OperationError } from '../text/operation-error.ts'
import { manifestName, readFileOf } from './read.ts'
import { readStatement, type Statement, statementName } from './statement.ts'

/** What the bundle that a node runs says about the next one. */
export interface Pinned {
  /** The file with the keys, for messages. */
  readonly file: string
  /** `null`: none are pinned, and an unsigned bundle is accepted. */
  readonly keys: readonly string[] | null
  /** Of the bundle that the node runs; `null`: it has none. */
  readonly statement: Statement | null
}

const mostBytes = 2 ** 20
const byHand = 'to accept a bundle with keys that you know: `anyward apply --bundle DIR --keys FILE`'

/**
 * Reads the keys that a node has pinned, in the folder of the bundle that it runs. Each file is read for itself: a
 * damaged manifest, for example, leaves the keys in force. Throws ConfigError, and OperationError if it cannot be known
 * what is pinned.
 */
export async function readPinned(bundleDir: string): Promise<Pinned> {
  const file = join(bundleDir, plannerKeysName)
  const keys = await readKeysOf(bundleDir, file)
  const statementFile = join(bundleDir, statementName)
  const text = await readFileOf(statementFile, mostBytes, byHand)
  const statement = text === null ? null : readStatement(text)
  if (keys !== null && text !== null && statement === null) {
    throw refuse(`${statementFile} is damaged: the serial in force is unknown`)
  }
  return { file, keys, statement }
}

async function readKeysOf(bundleDir: string, file: string): Promise<readonly string[] | null> {
  const text = await readFileOf(file, mostBytes, byHand)
  if (text !== null) {
    const keys = readPlannerKeys(text)
    if (keys === null) throw refuse(`${file} is damaged: the keys that this node has pinned are unknown`)
    return keys
  }
  const manifest = await readFileOf(join(bundleDir, manifestName), 64 * mostBytes, byHand)
  if (manifest?.includes(`"${plannerKeysName}"`)) {
    throw refuse(`${file} is missing: the keys that this node has pinned are unknown`)
  }
  return null
}

function refuse(message: string): OperationError {
  return new OperationError(message, { hint: `${byHand}; nothing was changed`, outcome: 'refused' })
}

/** Reads the keys of a file that an engineer names. Throws ConfigError and OperationError. */
export async function readKeysFile(file: string): Promise<readonly string[]> {
  const hint = 'name a file of public keys, such as planner.pub'
  const text = await readFileOf(file, mostBytes, hint)
  const keys = text === null ? null : readPlannerKeys(text)
  if (keys !== null) return keys
  const problem = text === null ? 'is missing' : 'is not a file of Ed25519 public keys of OpenSSH'
  throw new OperationError(`${file} ${problem}`, { hint, outcome: 'refused' })
}

/** As `serialOf`, of the bundle that a node runs. Never throws. */
export async function readSerial(bundleDir: string): Promise<number | null> {
  const read = (name: string) => readFileOf(join(bundleDir, name), 64 * mostBytes, byHand).catch(() => null)
  const manifest = await read(manifestName)
  return manifest === null ? null : serialOf(await read(statementName), manifest)
}

/**
 * The serial of a bundle, where its statement belongs to its manifest: `null` for one that is unsigned, or was changed
 * after it was signed. Nothing is verified here: `apply` does that before it installs a bundle.
 */
export function serialOf(text: string | null, manifest: string): number | null {
  const read = text === null ? null : readStatement(text)
  return read?.files[manifestName] === hashOf(manifest) ? read.serial : null
}
