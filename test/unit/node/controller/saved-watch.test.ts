import { expect, test } from 'vitest'
import type { Clock } from '../../../../src/clock/clock.ts'
import { watchSaved } from '../../../../src/node/controller/watch/saved-watch.ts'
import type { SavedLook } from '../../../../src/node/routing/daemon.ts'
import { createMetrics } from '../../../../src/telemetry/metrics.ts'

const none: SavedLook = { found: [], problem: null }
const two: SavedLook = {
  found: [
    { file: '/etc/frr/frr.conf', line: 12, prefix: '192.0.2.0/24' },
    { file: '/etc/frr/frr.conf', line: 13, prefix: '192.0.2.1/32' },
  ],
  problem: null,
}
const unreadable: SavedLook = { found: [], problem: { file: '/etc/frr/frr.conf', cause: 'EACCES' } }

/** The log lines for these results, one after the other, and the metric after each. */
async function watch(looks: readonly SavedLook[]) {
  const said: string[] = []
  const gauges: number[] = []
  const metrics = createMetrics()
  const left = [...looks]
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const clock: Pick<Clock, 'sleep'> = {
    async sleep() {
      gauges.push((await metrics.savedAnnouncements.get()).values[0]!.value)
      if (left.length > 0) return
      watched.stop()
      end()
    },
  }
  const watched = watchSaved({
    saved: { look: async () => left.shift()! },
    clock,
    say: (level, { event }, message) => said.push(`${level} ${event}: ${message}`),
    metrics,
  })
  await ended
  return { said, gauges }
}

test('saved announcements are reported once for each change, with file, line and remedy', async () => {
  const { said, gauges } = await watch([none, two, two, two, none, none, two])
  const found =
    'error saved-announcements: /etc/frr/frr.conf has saved announcements (lines 12, 13): FRR announces them at its next start, also without a controller; run `anyward apply --clean` as root'
  expect(said).toEqual([
    found,
    "info saved-announcements: FRR's files have no saved announcements any more",
    found,
  ])
  expect(gauges).toEqual([0, 2, 2, 2, 0, 0, 2])
})

test('a file that cannot be read is reported once, with the remedy', async () => {
  const { said, gauges } = await watch([unreadable, unreadable, none, unreadable])
  expect(gauges).toEqual([Number.NaN, Number.NaN, 0, Number.NaN])
  const words =
    'warn saved-announcements: /etc/frr/frr.conf cannot be searched for saved announcements (EACCES): add the user of the controller to the group frr'
  expect(said).toEqual([words, words])
})

test('nothing is reported where nothing is saved', async () => {
  expect((await watch([none, none])).said).toEqual([])
})
