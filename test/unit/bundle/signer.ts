import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'

const string = (data: Buffer | string) => {
  const bytes = Buffer.from(data)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

export interface Signer {
  /** In base64, as in a `.pub` file. */
  readonly key: string
  readonly privateKey: KeyObject
}

export function makeSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  return { key: Buffer.concat([string('ssh-ed25519'), string(raw)]).toString('base64'), privateKey }
}

/** What `ssh-keygen -Y sign` makes (PROTOCOL.sshsig), with a field of choice that is wrong. */
export function signAs(
  { key, privateKey }: Signer,
  message: string,
  {
    namespace = 'anyward-bundle',
    hashName = 'sha512',
    reserved = '',
    version = 1,
    claimedKey = key,
    type = 'ssh-ed25519',
    after = Buffer.alloc(0),
  } = {},
): string {
  const digest = hash(hashName, message, 'buffer')
  const common = [namespace, reserved, hashName].map(string)
  const bytes = sign(null, Buffer.concat([Buffer.from('SSHSIG'), ...common, string(digest)]), privateKey)
  const number = Buffer.alloc(4)
  number.writeUInt32BE(version)
  const blob = Buffer.concat([
    ...[Buffer.from('SSHSIG'), number, string(Buffer.from(claimedKey, 'base64')), ...common],
    ...[string(Buffer.concat([string(type), string(bytes)])), after],
  ])
  return `-----BEGIN SSH SIGNATURE-----\n${blob.toString('base64').replaceAll(/.{70}/g, '$&\n')}\n-----END SSH SIGNATURE-----\n`
}
