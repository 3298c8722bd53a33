import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { guardFlags } from '../../../../src/node/guard/spawn.ts'

test('the unit starts the guard with the same V8 flags as the controller does', async () => {
  const unit = await readFile('scripts/packaging/units/anyward-guard.service', 'utf8')
  const command = /^ExecStart=(.*)$/m.exec(unit)![1]!.split(' ')
  expect(command.slice(1, command.indexOf('/usr/lib/anyward/dist/cli/main.js'))).toEqual(guardFlags)
})
