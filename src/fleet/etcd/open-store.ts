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
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((path) => readFile(path, 'utf8')))
  return new EtcdStore(
    endpoints.map((endpoint) => `https://${endpoint}`),
    { ca: ca!, cert: cert!, key: key! },
    askEveryMs,
  )
}
