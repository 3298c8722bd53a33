import { expect, test } from 'vitest'
import { describeRemoval } from '../../../../src/cli/operate/permit.ts'
import { registerKey } from '../../../../src/fleet/exchange/keys.ts'
import { removeHolder } from '../../../../src/fleet/exchange/remove-holder.ts'
import type { Store } from '../../../../src/fleet/store.ts'

const holder = { site: 'fra1', node: 'fra1/fra1-a', nonce: 'n', cause: 'fact', reason: 'interface-missing' }
const storeWith = (register: object[]) =>
  ({
    read: async () => ({
      outcome: 'read',
      values: new Map([[registerKey('vpn'), JSON.stringify(register)]]),
    }),
    transact: async () => ({ outcome: 'committed' }),
  }) as unknown as Store

test('a node that is not in the register is answered with those that are', async () => {
  const remove = (node: string, register: object[]) =>
    removeHolder(storeWith(register), 'vpn', { site: 'fra1', node }, 1000)
  expect(await remove('fra1-a', [holder])).toEqual({ outcome: 'removed' })
  const absent = await remove('fra1-b', [holder])
  expect(absent).toEqual({ outcome: 'absent', holders: ['fra1/fra1-a'] })
  const words = (removal: Parameters<typeof describeRemoval>[2]) =>
    describeRemoval('vpn', 'fra1/fra1-b', removal)
  expect(words({ outcome: 'absent', holders: ['fra1/fra1-a'] })).toBe(
    'the register of vpn does not have fra1/fra1-b, only fra1/fra1-a',
  )
  expect(words({ outcome: 'absent', holders: [] })).toBe(
    'the register of vpn does not have fra1/fra1-b; no node is in it',
  )
  expect(words({ outcome: 'absent' })).toBe('the register of vpn does not have fra1/fra1-b')
})
