import { readFile } from 'node:fs/promises'
import { EtcdStore } from './etcd-store.ts'

export interface StoreSettings {
  /** Of the members, as `host:port`. */
  readonly endpoints: readonly string[]
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/**
 * Connects when it is used. Throws the system's error where a file cannot be read.
 * @param askEveryMs how often a watch asks whether its member still answers
 */
export async function openStore(
  { endpoints, caFile, certFile, keyFile }: StoreSettings,
  askEveryMs?: number,
): Promise<EtcdStore> {
  // One after the other: where several are missing, the first is named.
  const ca = await readFile(caFile, 'utf8')
  const cert = await readFile(certFile, 'utf8')
  const key = await readFile(keyFile, 'utf8')
  return new EtcdStore(
    endpoints.map((endpoint) => `https://${endpoint}`),
    { ca, cert, key },
    askEveryMs,
  )
}
