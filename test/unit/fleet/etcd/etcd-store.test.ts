import { expect, test } from 'vitest'
import { EtcdStore } from '../../../../src/fleet/etcd/etcd-store.ts'
import type { WatchEvent } from '../../../../src/fleet/store.ts'
import { patience } from '../../../patience.ts'

const url = 'https://127.0.0.1:1'

test('a failure names the member once, whatever was asked of it', async () => {
  const store = new EtcdStore([url], { ca: '', cert: '', key: '' })
  try {
    const message = `${url}: connect ECONNREFUSED 127.0.0.1:1`
    expect(await store.read([{ key: 'k' }], patience(10_000))).toEqual({ outcome: 'unknown', message })
    const transaction = { compares: [], writes: [{ key: 'k', value: 'v' }] }
    expect(await store.transact(transaction, patience(10_000))).toEqual({ outcome: 'unknown', message })
    expect(await new Promise<WatchEvent>((resolve) => void store.watch('k', resolve))).toEqual({
      event: 'interrupted',
      message,
    })
  } finally {
    await store.close()
  }
})
