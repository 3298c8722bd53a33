import { isClockSynchronized } from '../../../../linux/inspect/clock-state.ts'
import { RunError } from '../../../../linux/run.ts'
import { type Check, error, unseen, warning } from '../../check.ts'

/** No release of Anyward is older. */
const leastYear = 2026
const mostYear = 2100

/** Handshakes carry a TAI64N timestamp, which must rise: a clock that was set back makes a server drop them. */
export const clock: Check = {
  name: 'clock',
  reads: 'the year, and whether the clock is synchronized',
  async examine({ nowMs }) {
    const year = new Date(nowMs).getUTCFullYear()
    if (!isPlausible(year)) {
      const message = `the clock is in the year ${year}: handshakes with a wrong timestamp are dropped, and RPKI expires`
      return [error(message, 'set the clock, and run chrony or systemd-timesyncd')]
    }
    const isSynchronized = await isClockSynchronized().catch((cause: unknown) => {
      if (cause instanceof RunError) return null
      throw cause
    })
    if (isSynchronized === null) {
      return [
        unseen(
          'not checked: without systemd it is unknown whether the clock is synchronized',
          'look at `chronyc tracking`',
        ),
      ]
    }
    if (isSynchronized) return []
    const message =
      'the clock is not synchronized: after a jump back, peers drop handshakes until it has caught up'
    return [warning(message, 'run chrony or systemd-timesyncd')]
  },
}

export function isPlausible(year: number): boolean {
  return year >= leastYear && year < mostYear
}
