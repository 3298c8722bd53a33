import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalStore } from '../../../../src/fleet/local/local-store.ts'
import { describePermits, type PermitBed } from '../../../fleet-permits.ts'
import { patience } from '../../../patience.ts'

async function startBed(): Promise<PermitBed> {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-permits-'))
  const stores: LocalStore[] = []
  const open = (compactAfter: number) => {
    const store = new LocalStore(dir, { compactAfter, lookEveryMs: 20 })
    stores.push(store)
    return store
  }
  return {
    openFor: async () => open(100),
    // The log begins again.
    disturb: async () => {
      const store = open(5)
      const writes = [{ key: 'filler', value: String(stores.length) }]
      for (let write = 0; write < 5; write++) await store.transact({ compares: [], writes }, patience(5000))
      await store.close()
    },
    stop: async () => {
      await Promise.all(stores.map((store) => store.close()))
      await rm(dir, { recursive: true })
    },
  }
}

describePermits('the permit, over a store in a folder', startBed)
