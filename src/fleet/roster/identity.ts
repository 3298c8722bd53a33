import { X509Certificate } from 'node:crypto'

const scheme = 'URI:anyward:node:'

/**
 * The node that a certificate is for: a `subjectAltName` of the form `URI:anyward:node:fra1-a`. `null`: for none, or for
 * several. A URI, because no host name is one: the certificate cannot pass for a server's of another kind.
 */
export function nodeOf(certificate: X509Certificate): string | null {
  const names = (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith(scheme))
  return names.length === 1 ? names[0]!.slice(scheme.length) : null
}

/** Why a certificate, DER, is not that of the node; `null`: it is. */
export function findMismatch(raw: Uint8Array, node: string): string | null {
  const found = nodeOf(new X509Certificate(raw))
  if (found === node) return null
  return found === null
    ? `its certificate is for no node: it needs the subjectAltName ${scheme}${node}`
    : `its certificate is for the node ${JSON.stringify(found)}`
}
