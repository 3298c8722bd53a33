import { expect, test } from 'vitest'
import { watchRpki } from '../../../../src/node/controller/watch/rpki-watch.ts'
import { DaemonError, type OriginValidation } from '../../../../src/node/routing/daemon.ts'
import { createMetrics } from '../../../../src/telemetry/metrics.ts'

test('the state of the cache is not a number while it cannot be read', async () => {
  const metrics = createMetrics()
  const looks = [{ cache: 'rtr1' }, { cache: null }, null, { cache: 'rtr1' }]
  const gauges: (number | undefined)[] = []
  await new Promise<void>((resolve) => {
    const validation = {
      look: async () => {
        const found = looks[gauges.length]
        if (found === null) throw new DaemonError('timeout', 'no answer')
        return { ...found, vrps: new Map() }
      },
      reevaluate: async () => {},
      reconnect: async () => true,
      close() {},
    } as unknown as OriginValidation
    const watched = watchRpki({
      validation,
      rules: { settleMs: 1, leastMs: 1, reconnectMs: 1, mostMs: 60_000, acceptsAtExpiry: true },
      log: { info() {}, warn() {}, error() {} } as unknown as Parameters<typeof watchRpki>[0]['log'],
      metrics,
      clock: {
        now: () => 0,
        async sleep() {
          gauges.push((await metrics.rpkiCacheUp.get()).values[0]?.value)
          if (gauges.length < looks.length) return
          watched.stop()
          resolve()
        },
      },
    })
  })
  expect(gauges).toEqual([1, 0, Number.NaN, 1])
})
