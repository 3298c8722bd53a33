import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../src/clock/clock.ts'
import { FleetMember } from '../src/fleet/exchange/fleet-member.ts'
import type { Register } from '../src/fleet/permit/register.ts'
import type { Store } from '../src/fleet/store.ts'
import { until } from './e2e/fixtures/routing/until.ts'
import { patience } from './patience.ts'

export interface PermitBed {
  /** A client with the credentials of that site. */
  openFor(site: string): Promise<Store>
  /** Something fails for a moment, and is whole again when it resolves. */
  disturb(): Promise<void>
  stop(): Promise<void>
}

export const permitSites = ['ams1', 'fra1', 'lon1', 'par1', 'rom1', 'zrh1']
const service = 'vpn'
const withinMs = patience(5000)
const times = {
  ...{ answerWithinMs: patience(10_000), inAllWithinMs: patience(10_000), actWithinMs: patience(10_000) },
  ...{
    callWithinMs: patience(3000),
    retryMs: 50,
    beatEveryMs: 200,
    staleAfterMs: patience(5000),
    statusEveryMs: 1000,
  },
}

/** The protocol of src/fleet/permit, with clients of their own for six sites, over a real store. */
export function describePermits(name: string, startBed: () => Promise<PermitBed>): void {
  describe(name, { timeout: patience(180_000) }, () => {
    let bed: PermitBed
    const members = new Map<string, FleetMember>()
    /** What members have asked the store for their permits: reads of a register, and transactions that compare one. */
    let requests: ('read' | 'transact')[] = []
    const counting = (store: Store): Store => ({
      read: (selection, within) => {
        if (JSON.stringify(selection).includes('permit/')) requests.push('read')
        return store.read(selection, within)
      },
      transact: (transaction, within) => {
        if (JSON.stringify(transaction.compares).includes('permit/')) requests.push('transact')
        return store.transact(transaction, within)
      },
      watch: (prefix, onEvent) => store.watch(prefix, onEvent),
      close: () => store.close(),
    })
    const failures: string[] = []
    let observer: Store

    const join = async (site: string, minSites: number) => {
      await members.get(site)?.close()
      const member = new FleetMember({
        store: counting(await bed.openFor(site)),
        clock: systemClock,
        self: { site, node: `${site}-a` },
        services: [{ name: service, minSites }],
        // The last three as in a fleet with many nodes.
        times: { ...times, readBeatsEveryMs: permitSites.indexOf(site) < 3 ? null : 100 },
        createNonce: randomUUID,
        onFailure: (message) => failures.push(message),
      })
      members.set(site, member)
      return member.service(service)
    }
    const of = (site: string) => members.get(site)!.service(service)

    const readRegister = async (): Promise<Register> => {
      const read = await observer.read([{ key: `permit/${service}` }], withinMs)
      if (read.outcome !== 'read') throw new Error(read.message)
      return JSON.parse(read.values.get(`permit/${service}`) ?? '[]') as Register
    }
    const allAreWell = async () => {
      for (const site of permitSites) of(site).sayWell()
      await until('the register is empty, and every site has a current beat and is well', async () => {
        const register = await readRegister()
        if (register.length > 0) return JSON.stringify(register)
        const read = await observer.read([{ prefix: 'state/' }, { prefix: 'beat/' }], withinMs)
        const texts = read.outcome === 'read' ? [...read.values] : []
        const well = texts.filter(
          ([key, text]) =>
            text.includes('"well":true') || (key.startsWith('beat/') && text.includes(service)),
        )
        return well.length === 2 * permitSites.length ? null : JSON.stringify([texts, failures.slice(-5)])
      })
    }
    /** The first beat that a reader sees does not count, so it may take another. */
    const granted = async (site: string) =>
      until(`${site} has its permit`, async () => {
        const state = await of(site).ask('no-reply')
        return state.phase === 'granted' ? null : JSON.stringify([state, failures.slice(-5)])
      })

    beforeAll(async () => {
      bed = await startBed()
      observer = await bed.openFor('fra1')
      for (const site of permitSites) await join(site, 2)
    })
    afterAll(async () => {
      await Promise.all([...members.values()].map((member) => member.close()))
      await bed?.stop()
    })

    test('sites withdraw one after the other until minSites are left, and again when one is well', async () => {
      await allAreWell()
      for (const site of permitSites.slice(0, 4)) {
        await granted(site)
        expect(of(site).mayWithdraw()).toBe(true)
      }
      const [first, , , , fifth] = permitSites as [string, string, string, string, string]
      // It may not have seen the beat of the sixth rise yet.
      await until('the fifth is refused, because only the sixth would be left', async () => {
        const state = await of(fifth).ask('no-reply')
        expect(state).toMatchObject({ phase: 'refused', required: 2 })
        return 'remaining' in state && state.remaining === 1 ? null : JSON.stringify(state)
      })
      expect(of(fifth).mayWithdraw()).toBe(false)
      expect((await readRegister()).map(({ node }) => node)).toEqual(
        permitSites.slice(0, 4).map((site) => `${site}/${site}-a`),
      )
      // It announces again, and says so: its permit is returned, and the fifth gets one.
      of(first).sayWell()
      await granted(fifth)
      expect((await readRegister()).map(({ site }) => site)).toEqual(permitSites.slice(1, 5))
    })

    test('a permit takes one transaction where nothing has changed meanwhile', async () => {
      const [first] = permitSites as [string]
      await until('one transaction is enough', async () => {
        await allAreWell()
        requests = []
        const { phase } = await of(first).ask('no-reply')
        const said = `${phase} after ${requests.join()}`
        return said === 'granted after transact' ? null : said
      })
      const { entry } = of(first)
      expect(JSON.parse(entry!.text)).toMatchObject({ well: false })
    })

    test('a withdrawal that needs no permit is in the register until the site is well', async () => {
      await allAreWell()
      of('fra1').reportWithdrawal('fact', 'interface-missing')
      await until('the register has it', async () => {
        const [holder] = await readRegister()
        return holder?.cause === 'fact' && holder.reason === 'interface-missing'
          ? null
          : JSON.stringify(holder)
      })
      for (const site of ['ams1', 'lon1', 'par1']) await granted(site)
      expect(await of('rom1').ask('no-reply')).toMatchObject({ phase: 'refused' })
      await allAreWell()
    })

    test('a node whose beats have ended does not count', async () => {
      await allAreWell()
      await members.get('zrh1')!.close()
      for (const site of ['ams1', 'fra1', 'lon1']) await granted(site)
      const last = () => of('par1').ask('no-reply')
      // par1 would leave rom1 and zrh1. Until the last beat is old, zrh1 counts: then the permit is returned.
      await until('zrh1 does not count', async () => {
        const state = await last()
        if (state.phase === 'refused') return null
        of('par1').sayWell()
        return JSON.stringify(state)
      })
      await join('zrh1', 2)
      await allAreWell()
    })

    test('of six sites that fail within moments, two or more do not withdraw', async () => {
      let grants = 0
      for (let round = 0; round < 6; round++) {
        await allAreWell()
        const phases = await Promise.all(
          permitSites.map(async (site, index) => {
            // In some rounds all at once, in others one after the other.
            await new Promise((resolve) => setTimeout(resolve, index * round * 8))
            return (await of(site).ask('no-reply')).phase
          }),
        )
        const granted = phases.filter((phase) => phase === 'granted').length
        expect(granted, phases.join()).toBeLessThanOrEqual(permitSites.length - 2)
        grants += granted
      }
      expect(grants).toBeGreaterThan(0)
    })

    test(
      'sites that fail at random, and a store that does too, never leave fewer than minSites',
      async () => {
        await allAreWell()
        const withdrawn = new Set<string>()
        let [grants, refusals, fewest] = [0, 0, permitSites.length]
        let going = true
        const random = (mostMs: number) =>
          new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs))
        const live = async (site: string) => {
          while (going) {
            await random(patience(800))
            const state = await of(site).ask('no-reply')
            if (state.phase === 'refused') refusals += 1
            // As late as a process may be that was stopped in between.
            if (state.phase === 'granted') await random(patience(100))
            if (of(site).mayWithdraw()) {
              grants += 1
              withdrawn.add(site)
              fewest = Math.min(fewest, permitSites.length - withdrawn.size)
              await random(patience(1500))
            }
            // It announces before it says so.
            withdrawn.delete(site)
            of(site).sayWell()
          }
        }
        const disturb = async () => {
          while (grants < 12 || refusals === 0) {
            await random(400)
            await bed.disturb()
          }
          going = false
        }
        await Promise.all([disturb(), ...permitSites.map(live)])
        expect(fewest).toBeGreaterThanOrEqual(2)
        await allAreWell()
      },
      patience(180_000),
    )
  })
}
