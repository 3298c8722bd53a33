import { createPublicKey, hash, verify } from 'node:crypto'
import { signatureNamespace } from '../manifest/planner-keys.ts'

/** A signature as `ssh-keygen -Y sign` writes it: SSHSIG, PROTOCOL.sshsig of OpenSSH. */
export interface SshSignature {
  /** The key that it claims, in base64 as in a `.pub` file. */
  readonly key: string
  readonly bytes: Buffer
}

type ReadSignature =
  | { readonly ok: true; readonly signature: SshSignature }
  /** Completes a sentence that starts with the file. */
  | { readonly ok: false; readonly problem: string }

const magic = Buffer.from('SSHSIG')
const keyType = 'ssh-ed25519'
const hashName = 'sha512'
/** What precedes the key in its SubjectPublicKeyInfo (RFC 8410, section 4). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const armor = /^-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*$/

/** Reads a signature of a bundle by an Ed25519 key: no other namespace, hash or type of key is accepted. */
export function readSignature(text: string): ReadSignature {
  const base64 = armor.exec(text)?.[1]?.replaceAll(/[\r\n]/g, '')
  const reader = new Reader(Buffer.from(base64 ?? '', 'base64'))
  try {
    if (!reader.take(magic.length).equals(magic)) return refuse('is not a signature of ssh-keygen')
    const version = reader.takeNumber()
    if (version !== 1) return refuse(`is a signature of version ${version}, and this program reads version 1`)
    const key = reader.takeString()
    const namespace = reader.takeString()
    const reserved = reader.takeString()
    const hashAlgorithm = reader.takeString()
    const bytes = readEd25519(reader.takeString(), signatureBytes)
    reader.requireEnd()
    if (readEd25519(key, keyBytes) === null) return refuse('is not by an Ed25519 key')
    if (namespace.toString('latin1') !== signatureNamespace) {
      return refuse(`is for another purpose than a bundle: its namespace is not ${signatureNamespace}`)
    }
    if (hashAlgorithm.toString('latin1') !== hashName)
      return refuse(`uses another hash algorithm than ${hashName}`)
    if (reserved.length > 0) return refuse('has a field that this program does not know')
    if (bytes === null) return refuse('is not an Ed25519 signature')
    return { ok: true, signature: { key: key.toString('base64'), bytes } }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return refuse('is not a whole signature of ssh-keygen')
  }
}

const keyBytes = 32
const signatureBytes = 64

function refuse(problem: string): ReadSignature {
  return { ok: false, problem }
}

/** A string of that type, and then one of that length; `null`: it is something else. */
function readEd25519(data: Buffer, length: number): Buffer | null {
  const reader = new Reader(data)
  if (reader.takeString().toString('latin1') !== keyType) return null
  const content = reader.takeString()
  reader.requireEnd()
  return content.length === length ? content : null
}

/** Whether the key that the signature claims has signed the message. */
export function isSignatureOf(message: Buffer, { key, bytes }: SshSignature): boolean {
  const raw = readEd25519(Buffer.from(key, 'base64'), keyBytes)
  if (raw === null) return false
  const signed = Buffer.concat([
    magic,
    ...[Buffer.from(signatureNamespace), Buffer.alloc(0), Buffer.from(hashName)].map(withLength),
    withLength(hash(hashName, message, 'buffer')),
  ])
  const publicKey = createPublicKey({
    key: Buffer.concat([spkiPrefix, raw]),
    format: 'der',
    type: 'spki',
  })
  return verify(null, signed, publicKey, bytes)
}

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(key: string): string {
  return `SHA256:${hash('sha256', Buffer.from(key, 'base64'), 'base64').replace(/=+$/, '')}`
}

function withLength(data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  return Buffer.concat([length, data])
}

/** The types of RFC 4251, section 5. Throws a RangeError beyond the end. */
class Reader {
  readonly #data: Buffer
  #at = 0

  constructor(data: Buffer) {
    this.#data = data
  }

  take(length: number): Buffer {
    if (length > this.#data.length - this.#at) throw new RangeError('truncated')
    this.#at += length
    return this.#data.subarray(this.#at - length, this.#at)
  }

  takeNumber(): number {
    return this.take(4).readUInt32BE()
  }

  takeString(): Buffer {
    return this.take(this.takeNumber())
  }

  requireEnd(): void {
    if (this.#at !== this.#data.length) throw new RangeError('too long')
  }
}
