import { readFile } from 'node:fs/promises'
import { EtcdStore } from './etcd-store.ts'

export interface StoreSettings {
  /** Of the members, as `host:port`. */
  readonly endpoints: readonly string[]
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly beatEveryMs?: number
}

/** Connects when it is used. Throws the system's error where a file cannot be read. */
export async function openStore(settings: StoreSettings): Promise<EtcdStore> {
  const { endpoints, caFile, certFile, keyFile, beatEveryMs } = settings
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((path) => readFile(path, 'utf8')))
  return new EtcdStore(
    endpoints.map((endpoint) => `https://${endpoint}`),
    { ca: ca!, cert: cert!, key: key! },
    beatEveryMs,
  )
}
