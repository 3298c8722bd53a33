import { expect, test } from 'vitest'
import { describeAbsence } from '../../../src/cli/operate/describe-absence.ts'

const manifest = {
  node: 'fra1-a',
  services: [
    { name: 'vpn', deadManMs: 3000 },
    { name: 'lab', deadManMs: null },
  ],
} as never
const guarded = [
  'if it was killed, the guard withdraws vpn 3s after its last renewal (deadMan)',
  'if it was killed, lab stays announced until then: its deadMan is keep',
]

test('without a controller: its command with the bundle, and what becomes of each service', async () => {
  const text = await describeAbsence(manifest, { bundle: '/srv/fra1-a' })
  expect(text.split('\n    ')).toEqual(['start it: anyward controller --bundle /srv/fra1-a', ...guarded])
})

test("the package's unit is started by systemctl, but not for another bundle", async () => {
  const unit = import.meta.filename
  expect(await describeAbsence(manifest, { bundle: '/etc/anyward/bundle' }, unit)).toContain(
    'start it: systemctl start anyward-controller; its log: journalctl -u anyward-controller\n',
  )
  expect(await describeAbsence(manifest, { bundle: '/srv/b' }, unit)).not.toContain('systemctl')
})
